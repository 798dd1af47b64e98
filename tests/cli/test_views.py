"""How a run that came from sources is shown."""

from __future__ import annotations

from rich.console import Console

from headstart.cli._views import evaluation_view, run_view


def shown(view) -> str:
    console = Console(width=120, no_color=True)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def test_a_run_that_adapted_gives_its_estimate_and_why():
    estimate = {"value": 0.81, "low": 0.75, "high": 0.87}
    adaptation = {
        "chosen": ["coral"], "reasons": ["Looks different.", "coral passes the vote."], "accuracy": estimate,
        "unadapted_accuracy": {"value": 0.6, "low": 0.5, "high": 0.7},
    }  # fmt: skip
    text = shown(run_view("runs/a", {"adaptation": adaptation, "sources": {"sentence": "near is used."}}, ""))
    assert "Verdict   adapted" in text
    assert "coral passes the vote." in text
    assert "Sources   near is used." in text
    assert "accuracy about 0.81 (0.75 to 0.87), unadapted 0.60; from confidence alone" in text
    kept = shown(run_view("runs/a", {"adaptation": {**adaptation, "chosen": ["source_only"]}}, ""))
    assert "Verdict   not adapted" in kept


def test_a_class_without_images_shows_no_number():
    known = {"class": "ant", "recall": 0.5, "precision": 1.0, "f1": 0.667, "support": 2}
    gone = {**known, "class": "bee", "recall": 0.0, "precision": 0.0, "f1": 0.0, "support": 0}
    evaluation = {"metrics": {}, "per_class": [known, gone], "protocol": "One pass.", "num_images": 2, "split": "test"}
    ant, bee = (line.split() for line in shown(evaluation_view(evaluation)).splitlines() if line.strip()[:3] in ("ant", "bee"))
    assert ant == ["ant", "1.000", "0.500", "0.667", "2"]
    assert bee == ["bee", "–", "–", "–", "0"]
