"""How tables are shown."""

from __future__ import annotations

from rich.console import Console

from headstart.cli._views import decision_view, evaluation_view


def shown(view) -> str:
    console = Console(width=120, no_color=True)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def test_a_class_without_images_shows_no_number():
    known = {"class": "ant", "recall": 0.5, "precision": 1.0, "f1": 0.667, "support": 2}
    gone = {**known, "class": "bee", "recall": 0.0, "precision": 0.0, "f1": 0.0, "support": 0}
    evaluation = {"metrics": {}, "per_class": [known, gone], "protocol": "One pass.", "num_images": 2, "split": "test"}
    ant, bee = (line.split() for line in shown(evaluation_view(evaluation)).splitlines() if line.strip()[:3] in ("ant", "bee"))
    assert ant == ["ant", "1.000", "0.500", "0.667", "2"]
    assert bee == ["bee", "–", "–", "–", "0"]


def result(name: str, accuracy: float | None, num_rows: int, num_folds: int = 5) -> dict:
    shown = None if accuracy is None else {"value": accuracy, "low": accuracy - 0.1, "high": accuracy + 0.1}
    return {
        "family": "transfer", "name": name, "status": "skipped" if accuracy is None else "fitted", "accuracy": shown,
        "num_rows": num_rows, "num_folds": num_folds, "seconds": 1.25,
    }  # fmt: skip


def test_candidates_that_were_judged_on_fewer_images_say_on_how_many():
    results = [result("one", 0.8, 1132), result("two", 0.7, 228, 1), result("three", None, 0)]
    decision = {"results": results, "chosen": "one", "verdict": "transfer", "sentence": "One.", "reasons": []}
    text = shown(decision_view(decision))
    assert "judged on" in text
    assert next(line for line in text.splitlines() if "two" in line).split()[-2:] == ["228", "1.2"]
    assert "judged on" not in shown(decision_view(decision | {"results": [results[0], results[2]]}))
