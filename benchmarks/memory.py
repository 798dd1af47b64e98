"""Memory: what fits take at most, each in a process of its own, against what `headstart.planning.limits` predicts from shapes.

`HEADSTART_ENGINE=torch-float32 python -m benchmarks.memory` prints a row for each plan: the memory that the process had before
the fit, what the fit took on top of it, what was predicted, and their ratio. A plan is refused where `REFUSED_SHARE` of the
prediction does not fit: a ratio below that share is a plan that might be refused although it fits. Features are extracted in
batches of 16 here; before a plan is refused they get smaller. Plans that are done stay in `OUT/memory.jsonl`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import headstart
from benchmarks.protocol import alone, arguments, empty_cache
from headstart.backbones.engines.torch import CPU_BATCH_ROWS
from headstart.core.memory import peak_bytes, resident_bytes
from headstart.planning import limits
from headstart.planning.cross_validation import fit_rows
from headstart.planning.fitting import backbone_of, candidate_of
from headstart.planning.plan import is_gradient
from headstart.workflows.plans import plan_by_hand

ROWS = 64
PLANS: dict[str, tuple[str, str | None, str, dict[str, Any]]] = {
    "ridge, EfficientNet-Lite0, 128 px": ("ridge", "efficientnet_lite0", "pretrained", {"input_pixels": 128}),
    "ridge, EfficientNet-Lite0, 768 px": ("ridge", "efficientnet_lite0", "pretrained", {"input_pixels": 768}),
    "ridge, EfficientNet-Lite2, 256 px": ("ridge", "efficientnet_lite2", "pretrained", {"input_pixels": 256}),
    "LP-FT, EfficientNet-Lite0, 224 px, batch 32": ("lp_ft", "efficientnet_lite0", "pretrained", {"input_pixels": 224}),
    "fine-tuning of all, EfficientNet-Lite0, 224 px, batch 32": (
        "fine_tune", "efficientnet_lite0", "pretrained", {"input_pixels": 224},
    ),
    "the same, float32": (
        "fine_tune", "efficientnet_lite0", "pretrained",
        {"input_pixels": 224, "training.precision": "float32"},
    ),
    "from scratch, small network, 128 px, batch 64": (
        "fine_tune", "small_cnn", "none", {"input_pixels": 128, "training.batch_size": 64, "training.precision": "float32"},
    ),
    "SimCLR, small residual network, 128 px, batch 96": (
        "sim_clr", "small_resnet", "none", {"input_pixels": 128, "training.batch_size": 96, "training.precision": "float32"},
    ),
    "ridge, 4,000 vectors of 5,000": ("ridge", None, "pretrained", {"blocks": "penultimate"}),
    "kernel ridge, 20,000 vectors of 500": ("kernel_ridge", None, "pretrained", {"blocks": "penultimate"}),
    "kernel ridge, 60,000 vectors of 100": ("kernel_ridge", None, "pretrained", {"blocks": "penultimate"}),
    "TIM, 16,000 vectors of 256 and as many unlabeled": ("tim", None, "pretrained", {}),
    "optimal transport, 16,000 vectors of 256 to as many": ("optimal_transport", None, "pretrained", {}),
}  # fmt: skip
SHAPES = {
    "ridge, 4,000 vectors of 5,000": (4_000, 5_000, 0, 0),
    "kernel ridge, 20,000 vectors of 500": (20_000, 500, 0, 0),
    "kernel ridge, 60,000 vectors of 100": (60_000, 100, 0, 0),
    "TIM, 16,000 vectors of 256 and as many unlabeled": (16_000, 256, 16_000, 0),
    "optimal transport, 16,000 vectors of 256 to as many": (0, 256, 16_000, 16_000),
}
"""Labeled vectors, their width, unlabeled ones, and labeled ones of a source."""


def measured(name: str) -> dict[str, float]:
    """Bytes of one plan's fit: resident before, on top of it at most, and predicted."""
    kind, network, weights, settings = PLANS[name]
    task = headstart.read_task("emoji") if network else _task_of(*SHAPES[name])
    training = {"training.epochs": 1} if is_gradient({"kind": kind}) else {}
    plan = plan_by_hand(task, kind, network, weights, settings | training)
    candidate, backbone = candidate_of(plan), backbone_of(plan)
    rows = np.arange(min(ROWS, len(task.train)) if network else len(task.train))
    # Without what is taken for granted, all is counted.
    limits.LITTLE_BYTES = 0
    limits.MOST_BYTES_A_PIXEL = 10**12
    need = limits.need_of(candidate, task, len(rows), backbone)
    closed = network is not None and not is_gradient(candidate.method)
    predicted = need.total + (CPU_BATCH_ROWS - 1) * need.activations * closed  # a check counts on batches of one picture
    before = resident_bytes()
    with tempfile.TemporaryDirectory() as folder:
        fit_rows(task, rows, candidate, backbone, Path(folder))
    return {"before": before, "taken": peak_bytes() - before, "predicted": predicted}


def _task_of(num_labeled: int, width: int, num_unlabeled: int, num_source: int) -> headstart.Task:
    folder = Path(tempfile.mkdtemp())
    sources = [_vectors(folder / "source.npz", num_source, width, 0)] if num_source else []
    return headstart.read_task(_vectors(folder / "target.npz", num_labeled, width, num_unlabeled), sources=sources, test=0)


def _vectors(path: Path, num_labeled: int, width: int, num_unlabeled: int) -> str:
    draw = np.random.default_rng(num_labeled)
    labels = draw.integers(0, 10, num_labeled + num_unlabeled)
    features = draw.normal(size=(len(labels), width)).astype(np.float32) + labels[:, None] / 20
    np.savez(path, features=features, labels=np.where(np.arange(len(labels)) < num_labeled, labels.astype(str), ""))
    return str(path)


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "", seeds=1)
    path = options.out / "memory.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {row["name"]: row for row in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    print("| plan | before, GB | taken, GB | predicted, GB | taken / predicted |\n|---|---|---|---|---|")
    for name in PLANS:
        if name not in done:
            with empty_cache():
                done[name] = {"name": name, **alone(measured, name)}
            with path.open("a") as file:
                file.write(json.dumps(done[name]) + "\n")
        before, taken, predicted = (done[name][key] / 1e9 for key in ("before", "taken", "predicted"))
        ratio = f"{taken / predicted:.2f}" if predicted else "-"
        print(f"| {name} | {before:.2f} | {taken:.2f} | {predicted:.2f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
