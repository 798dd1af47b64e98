"""fastai's `fine_tune` against headstart: the same network, the same weights, the same training and test pictures.

The task's rows are written as PNG files with one manifest, which both sides read. fastai trains in a process of its own, in
its own environment if `--fastai-python` names one; headstart runs in another process with an empty cache. Time starts at the
files, without imports: "fitting" ends at the fitted model, "seconds" at the predictions of all test pictures; headstart's
seconds include the report. "limit" is the least time for reading each picture once and running the network on it once. Two
ways of headstart are measured: the closed form alone, as `headstart fit --method ridge`, and all steps, as `headstart run`.

Expected on each of the three sets: higher test accuracy in at most one tenth of fastai's time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.torch import save_file

from benchmarks.limits import decode_only_rate, engine_only_rate
from benchmarks.pictures import write_task
from benchmarks.protocol import alone, arguments, empty_cache, show
from headstart.backbones.catalog import card_of
from headstart.backbones.engines.choice import REFERENCE
from headstart.backbones.loading import load_backbone
from headstart.core.predictions import Predictions
from headstart.data.joined import concatenate
from headstart.data.reading import read_task
from headstart.evaluation.compare import compare
from headstart.runs.run import Run
from headstart.workflows.fit import fit
from headstart.workflows.run import run as run_all

NAME = "efficientnet_lite0"
SCRIPT = Path(__file__).with_name("_fastai_fine_tune.py")


class Set(NamedTuple):
    """Labels kept a class (None: all), and whether a mirrored picture means the same."""

    per_class: int | None
    flip: bool


SETS = {"emoji": Set(None, True), "digits": Set(20, False), "elpv": Set(50, True)}


class Outcome(NamedTuple):
    """Predictions of the test rows, and the seconds from the files to the fitted model and to the predictions."""

    predictions: Predictions
    fitting: float
    seconds: float


def closed_form(folder: Path, out: Path, seed: int) -> Outcome:
    """`headstart fit FOLDER --method ridge`."""
    with empty_cache():
        begun = time.perf_counter()
        task = read_task(folder, seed)
        done = fit(task, method="ridge", pretrained=NAME, out=out)
        return _outcome(done, time.perf_counter() - begun)


def limit_seconds(folder: Path, run: Path) -> float:
    """What reading every picture once and running the network on it once take at least, each measured alone on all cores."""
    task, backbone = read_task(folder), Run.load(run).model.backbone
    images = concatenate(task.labeled, task.test)
    engine = backbone.engine or REFERENCE
    decode, network = (rate(images, backbone, engine) for rate in (decode_only_rate, engine_only_rate))
    return len(images) * (1 / decode + 1 / network)


def whole_chain(folder: Path, out: Path, seed: int, minutes: float | None) -> Outcome:
    """`headstart run FOLDER`."""
    with empty_cache():
        begun = time.perf_counter()
        done = run_all(str(folder), seed=seed, minutes=minutes, out=out)
        return _outcome(done, time.perf_counter() - begun)


def _outcome(done: Run, seconds: float) -> Outcome:
    return Outcome(_named(done.predictions), seconds - done.seconds["evaluate"], seconds)


def _named(predictions: Predictions) -> Predictions:
    names = tuple(Path(name).name for name in predictions.names)
    return Predictions(
        names, predictions.classes, predictions.labels, predictions.probs, predictions.raw_probs, predictions.groups
    )


def fastai(folder: Path, truth: Predictions, python: str, settings: dict[str, object]) -> Outcome:
    """The other side; labels and groups of the test rows are taken from the predictions of ours."""
    with tempfile.TemporaryDirectory() as place:
        weights, out = Path(place) / "weights.safetensors", Path(place) / "predictions.npz"
        state = load_backbone(NAME).module.state_dict()
        save_file({name: value for name, value in state.items() if not name.startswith("classifier.")}, weights)
        named = {"architecture": card_of(NAME).architecture, "weights": weights, "out": out, **settings}
        command = [python, str(SCRIPT), str(folder), *(f"--{name}={value}" for name, value in named.items())]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ""}).stdout
        seconds = json.loads(printed.splitlines()[-1])
        with np.load(out) as found:
            names, classes, probs = found["names"].tolist(), found["classes"].tolist(), found["probs"]
    rows = [names.index(name) for name in truth.names]
    probs = probs[np.ix_(rows, [classes.index(name) for name in truth.classes])]
    predictions = Predictions(truth.names, truth.classes, truth.labels, probs, probs, truth.groups)
    return Outcome(predictions, seconds["training"], seconds["training"] + seconds["predicting"])


def measured(name: str, seed: int, options: argparse.Namespace) -> list[dict[str, object]]:
    """One row a way of headstart, on one draw of a set."""
    kept = SETS[name]
    out = options.out / f"fastai-{name}-{seed}"
    folder = write_task(read_task(name, seed, kept.per_class), out / "pictures")
    minutes = options.minutes
    fresh = Path(tempfile.mkdtemp(dir=out))
    ours = {
        "fit --method ridge": alone(closed_form, folder, fresh / "ridge", seed),
        "run": alone(whole_chain, folder, fresh / "run", seed, minutes),
    }
    limit = alone(limit_seconds, folder, fresh / "ridge")
    truth = ours["fit --method ridge"].predictions
    settings = {"side": options.side, "epochs": options.epochs, "seed": seed, "flip": int(kept.flip)}
    theirs = fastai(folder, truth, options.fastai_python, settings)
    return [_row(name, seed, way, outcome, theirs, limit) for way, outcome in ours.items()]


def _row(name: str, seed: int, way: str, ours: Outcome, theirs: Outcome, limit: float) -> dict[str, object]:
    gain = compare(ours.predictions, theirs.predictions, seed).accuracy_gain
    return {
        "set": name,
        "seed": seed,
        "headstart": way,
        "accuracy": float(ours.predictions.correct.mean()),
        "fastai accuracy": float(theirs.predictions.correct.mean()),
        "gain": gain.value,
        "low": gain.low,
        "high": gain.high,
        "fitting": ours.fitting,
        "seconds": ours.seconds,
        "limit": limit,
        "fastai fitting": theirs.fitting,
        "fastai seconds": theirs.seconds,
        "fitting: fastai / headstart": theirs.fitting / ours.fitting,
        "all: fastai / headstart": theirs.seconds / ours.seconds,
    }


def main() -> None:
    """Print a table a set and way."""
    options = arguments(__doc__ or "", seeds=3, sets=tuple(SETS), epochs=4, side=224, fastai_python=sys.executable)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.sets:
        rows = [row for seed in range(options.seeds) for row in measured(name, seed, options)]
        for way in dict.fromkeys(row["headstart"] for row in rows):
            part = [row for row in rows if row["headstart"] == way]
            title = f"{name}: headstart {way} against fastai fine_tune({options.epochs}) at {options.side} pixels"
            show(title, part, ["accuracy", "fastai accuracy", "gain"], [name for name in part[0] if "/" in name])


if __name__ == "__main__":
    main()
