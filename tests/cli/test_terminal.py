"""What the main commands print at 80 and at 120 columns, whole; set HEADSTART_SNAPSHOTS=write to write the files anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headstart.cli import cache, compare, runs
from headstart.cli._improvements import adjustment_view
from headstart.cli._printing import show, table
from headstart.cli._views import decision_view, evaluation_view, findings_view, ranking_view, task_view
from headstart.cli.predict import show_predictions
from headstart.runs.unfinished import UnfinishedRun

SNAPSHOTS = Path(__file__).parent / "snapshots"
WIDTHS = (80, 120)


def estimate(value: float, half: float = 0.041) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def finding(code: str, severity: str, title: str, advice: str = "", **evidence: Any) -> dict[str, Any]:
    return {"code": code, "severity": severity, "title": title, "advice": advice, "evidence": evidence}


FINDINGS = [
    finding(
        "duplicate-images", "info", "Images that are copies or near copies of one another (6, in 3 groups) stay on one side of "
        "every split.", paths=["flowers/rose/1.jpg"],
    ),
    finding(
        "unreadable-images", "warning", "Images that cannot be read are left out (5 of 171).",
        "Restore or delete these files and run again.", count=5,
        paths=[f"flowers/daisy/{number}.jpg" for number in range(5)],
    ),
]  # fmt: skip
LONG = "mean of ridge on stages+pixels of efficientnet_lite2 at 260 pixels and lp_ft of efficientnet_lite0 at 160 pixels"


def candidate(name: str, family: str, accuracy: float | None, **more: Any) -> dict[str, Any]:
    shown = None if accuracy is None else estimate(accuracy)
    about = {"name": name, "family": family, "accuracy": shown, "num_rows": 1408, "num_folds": 5, "seconds": 12.25}
    return {**about, "status": "skipped" if accuracy is None else "fitted", "predicted_seconds": 200.0, **more}


DECISION = {
    "results": [
        candidate(LONG, "transfer", 0.764),
        candidate("kernel_ridge on raw pixels", "baseline", 0.401),
        candidate("small_resnet from scratch", "scratch", 0.582, num_rows=280, num_folds=1),
        candidate("fine_tune of efficientnet_lite2 at 260 pixels", "transfer", None),
    ],
    "chosen": LONG,
    "verdict": "transfer",
    "sentence": f"Transfer: {LONG} (76.4%) against small_resnet from scratch (58.2%).",
    "reasons": ["Compared out of fold: 12 closed forms, lp_ft."],
}
RANKING = {
    "chosen": ["efficientnet_lite0"],
    "candidates": [
        {
            "name": name, "baseline": baseline, "estimate": estimate(accuracy), "rank": rank, "first_probability": first,
        }
        for name, baseline, accuracy, rank, first in (
            ("efficientnet_lite0", False, 0.723, 1.2, 0.81),
            ("timm/vit_small_patch16_224.augreg_in21k_ft_in1k", False, 0.716, 1.9, 0.19),
            ("raw pixels", True, 0.301, 4.0, 0.0),
        )
    ],
}  # fmt: skip
EVALUATION = {
    "metrics": {name: estimate(0.75) for name in ("accuracy", "balanced_accuracy", "log_loss")},
    "num_images": 1408,
    "split": "out of fold",
    "per_class": [
        {"class": "a class with a name that is longer than most", "precision": 0.5, "recall": 1.0, "f1": 0.667, "support": 1024},
        {"class": "rose", "precision": 1.0, "recall": 0.25, "f1": 0.4, "support": 384},
    ],
    "protocol": "Each image is predicted by a model that has not learned from it.",
}
TASK = {
    "name": "flowers", "place": "flowers", "classes": ["daisy", "rose"], "train_counts": [81, 90], "num_train": 171,
    "num_validation": 0, "num_test": 40, "num_unlabeled": 1200, "num_source": 0, "source_domains": [], "native_pixels": 240,
}  # fmt: skip
TRIAL = {"rule": "too_few_epochs", "reason": "The loss still falls.", "outcome": "kept", "sentence": "+2 points"}
PAIRS = [
    {
        "run": "runs/a-run-with-quite-a-long-name-1a2b3c4d", "verdict": "no difference", "num_rows": 1408, "p_value": 0.0412,
        "accuracy_gain": estimate(-0.013), "log_loss_gain": estimate(0.052),
    },
]  # fmt: skip
CONTENTS = {
    "folder": "/home/me/.cache/headstart", "limit_bytes": 20_000_000_000, "size_bytes": 381_000_000, "freed_bytes": 0,
    "entries": [
        {"kind": "features", "name": f"efficientnet_lite0 at {pixels} pixels, openvino-bf16", "num_rows": 1407,
         "size_bytes": 15_500_000, "last_used": "2026-11-27T12:00:00+00:00"}
        for pixels in (160, 224)
    ],
    "engines": [
        {"network": f"efficientnet_lite0 at {pixels} pixels", "engine": "openvino-bf16", "promised": rate, "reached": rate - 9}
        for pixels, rate in ((160, 661.0), (224, 322.0))
    ],
}  # fmt: skip


def finished(name: str, seed: int, partners: int, verdict: str | None) -> Any:
    return SimpleNamespace(
        folder=Path("runs") / name,
        result={"verdict": verdict},
        adaptation=None,
        evaluation=SimpleNamespace(accuracy=SimpleNamespace(to_dict=lambda: estimate(0.616 + seed / 10))),
        plan=SimpleNamespace(
            method={"kind": "ridge", "blocks": "stages+pixels"}, pretrained="efficientnet_lite0", partners=(None,) * partners,
            input_pixels=160, weights="pretrained",
        ),
        task_summary=SimpleNamespace(name="flowers", num_train=171, num_validation=0, seed=seed, source_domains=()),
    )  # fmt: skip


def shown_runs() -> Iterable[Any]:
    made = [finished("flowers-1a2b3c4d", 0, 4, "transfer"), finished("flowers-5e6f7a8b", 1, 0, None)]
    gone = UnfinishedRun(
        Path("runs/emoji-9c0d"), "interrupted; its first model predicts", "headstart run emoji -o runs/emoji-9c0d"
    )
    return [*runs._listed(Path("runs"), made), *runs._unfinished([gone])]


def shown_predictions() -> None:
    row = {"probability": 0.912, "probs": {"rose": 0.912, "daisy": 0.088}}
    rows = [
        {"path": "new/1.jpg", "label": "rose", "unknown": {"p_value": 0.412, "flag": False}, **row},
        {"path": "new/a-folder-with-a-long-name/and-a-picture-with-one.jpg", "label": "daisy",
         "unknown": {"p_value": 0.004, "flag": True}, **row},
        {"path": "new/broken.jpg", "error": "new/broken.jpg: is no picture, or a damaged one. Restore or delete it."},
    ]  # fmt: skip
    show_predictions(rows, as_json=False)


VIEWS: dict[str, Callable[[], Any]] = {
    "adjust": lambda: show(
        adjustment_view(
            {"trials": [TRIAL], "advice": FINDINGS[1:]}, "The plan was changed: x = 24.", "runs/flowers-1a2b-adjusted",
        )
    ),
    "cache": lambda: show(*cache._view(CONTENTS, changed=False)),
    "compare": lambda: show(compare._view("runs/flowers-1a2b3c4d", PAIRS)),
    "decide": lambda: show(decision_view(DECISION)),
    "evaluate": lambda: show(evaluation_view(EVALUATION)),
    "inspect": lambda: show(task_view(TASK), "", findings_view(FINDINGS, "flowers")),
    "predict": shown_predictions,
    "rank": lambda: show(ranking_view(RANKING)),
    "runs": lambda: show(*shown_runs()),
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", VIEWS)
def test_a_command_prints_what_the_snapshot_says(name: str, width: int, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TZ", "UTC")
    VIEWS[name]()
    text, path = capsys.readouterr().out, SNAPSHOTS / f"{name}-{width}.txt"
    if os.environ.get("HEADSTART_SNAPSHOTS") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= width


NUMBERS = ["+0.123", "-0.040 to +0.001", "1,408", "2026-11-27 13:42", "45.3 MB", "1e-05"]


@pytest.mark.parametrize("width", [*range(94, 130, 7)])
def test_a_table_folds_names_and_never_cuts_numbers(width: int, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    name, words = "a/very/long/path/" * 4, "several words of some length " * 3
    show(table(("path", "words", *"abcdef"), [(name, words, *NUMBERS)], right=("b", "f")))
    lines = capsys.readouterr().out.splitlines()
    assert all(any(number in line for line in lines) for number in NUMBERS)
    assert max(map(len, lines)) <= width
    folded = "".join(line[: len(line) - len(line.lstrip("averylongpth/"))] for line in lines[2:])
    assert folded.replace(" ", "") == name
