"""The commands that are disturbed, on tiny data, and what must come of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

SIDE = 8


def pictures(place: Path, names: tuple[str, ...], count: int, seed: int) -> None:
    """Write class folders of small pictures in one color each."""
    rng = np.random.default_rng(seed)
    for name in names:
        (place / name).mkdir(parents=True)
        for row in range(count):
            pixels = rng.integers(0, 170, (SIDE, SIDE, 3)).astype(np.uint8)
            pixels[..., ("red", "green", "blue").index(name)] += 80
            Image.fromarray(pixels).save(place / name / f"{row}.png")


def vectors(place: Path) -> None:
    """Write feature vectors of two classes."""
    rng = np.random.default_rng(3)
    labels = np.arange(41) % 3 == 0
    features = (rng.normal(size=(41, 5)) + 1.5 * labels[:, None]).astype(np.float32)
    np.savez(place, features=features, labels=np.where(labels, "high", "low"))


def told(folder: Path) -> dict[str, Any]:
    """The evaluation and the predictions of a run."""
    return {
        "evaluation": json.loads((folder / "evaluation.json").read_text())["metrics"],
        "predictions": (folder / "predictions.parquet").read_bytes().hex(),
        "report": (folder / "report.html").exists(),
    }


def weights(folder: Path) -> dict[str, Any]:
    """The network that was pretrained."""
    return {"weights": (folder / "model" / "backbone" / "weights.safetensors").read_bytes().hex()}


def found(folder: Path) -> dict[str, Any]:
    """The trials of a search, and its plan."""
    values = json.loads((folder / "found.json").read_text())
    trials = [{name: value for name, value in trial.items() if name != "seconds"} for trial in values["trials"]]
    return {"trials": trials, "plan": (folder / "plan.toml").read_text()}


def enrolled(folder: Path) -> dict[str, Any]:
    """The classes of a gallery, and the answers that it gives."""
    from headstart.gallery.gallery import Gallery

    gallery = Gallery.open(folder)
    answers = list(gallery.predict(sorted((folder.parents[1] / "data").rglob("*.png"))[::5]))
    return {"classes": gallery.classes(), "answers": json.loads(json.dumps(answers))}


class Command(NamedTuple):
    """A command line that writes `out/run`.

    Attributes:
        words: The command.
        before: Commands that make what it starts from.
        outcome: What must be the same, whatever happened in between.
    """

    words: str
    before: tuple[str, ...] = ()
    outcome: Callable[[Path], dict[str, Any]] = told


SHORT = "--set training.epochs=1 --set training.batch_size=8"
COMMANDS = {
    "fit": Command("fit data --method ridge --pretrained pixels --test 0.3 --out out/run"),
    "run": Command("run vectors.npz --members 1 --out out/run"),
    "extend": Command("extend out/parent more --out out/run", ("fit data --method ridge --pretrained pixels --out out/parent",)),
    "search": Command("search vectors.npz --method knn --pretrained embeddings --trials 3 --out out/run", (), found),
    "fewshot": Command("fewshot enroll out/run red data/red/0.png data/red/1.png --pretrained pixels", (), enrolled),
    "forget": Command(
        "fewshot forget out/run red",
        (
            "fewshot enroll out/run red data/red/0.png data/red/1.png --pretrained pixels",
            "fewshot enroll out/run green data/green/0.png data/green/1.png",
        ),
        enrolled,
    ),
    "pretrain": Command(f"pretrain pool --pretrained small_cnn {SHORT} --out out/run", (), weights),
    "adjust": Command(
        "adjust out/parent --out out/run",
        (f"fit data --method fine_tune --pretrained small_cnn --weights none {SHORT} --set training.lr=0.0002 --out out/parent",),
    ),
}


def write_data(home: Path) -> None:
    """Write what the commands read."""
    pictures(home / "data", ("red", "green"), 8, 0)
    pictures(home / "more", ("blue",), 8, 1)
    pictures(home / "pool", ("red", "green"), 40, 2)
    vectors(home / "vectors.npz")
    (home / "out").mkdir()
    (home / "cache").mkdir()


def call(words: str) -> None:
    """Give a command."""
    from headstart.cli import main

    main(words.split())
