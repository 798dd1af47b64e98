"""What the comparisons with other tools share: the sets as files, headstart's default run, a tool's process, and the table.

The rows of a task are written as PNG files with one manifest, which all sides read. Each side works in a process of its own,
headstart with an empty cache. Seconds are counted from the files on, without imports. "fitting" ends with the fitted model,
"seconds" with the predictions of all test pictures; "CPU" is the processor time of all processes of that side until the fitted
model, which a busy machine changes little. The first model is that of a run which is ended when it has it. The networks of
headstart are the three packaged EfficientNet-Lite; the other tool is given the weights of the smallest and the input side that
headstart's first model takes, which is at most 224 pixels.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.torch import save_file

from benchmarks.pictures import write_task
from benchmarks.protocol import alone, empty_cache, show
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.predictions import Predictions
from headstart.data.reading import read_task
from headstart.evaluation.compare import compare
from headstart.evaluation.intervals import wilson
from headstart.evaluation.protocols import evaluate
from headstart.runs.run import Run
from headstart.workflows.run import run as run_all

NAME = "efficientnet_lite0"
POLL_SECONDS = 0.05


class Set(NamedTuple):
    """Labels kept a class (None: all), and whether a mirrored picture means the same."""

    per_class: int | None
    flip: bool


SETS = {"emoji": Set(None, True), "digits": Set(100, False), "elpv": Set(100, True), "fashion-mnist": Set(20, True)}
THREE = ("emoji", "digits", "elpv")


class Outcome(NamedTuple):
    """Predictions of the test rows; seconds to the fitted model and to the predictions; processor seconds to the fitted model."""

    way: str
    predictions: Predictions
    fitting: float
    seconds: float
    cpu: float


Peer = Callable[[Path, Predictions, dict[str, object]], Sequence[Outcome]]
"""A tool's outcomes on a folder with a manifest: headstart's predictions of the test rows, and side, flip and seed, are given."""


def first_model(folder: Path, out: Path, seed: int) -> Outcome:
    """`headstart run FOLDER`, ended as soon as it has its first model, which then predicts; here imports count, too."""
    with empty_cache():
        command = [sys.executable, "-m", "headstart", "run", str(folder), "--out", str(out), "--seed", str(seed)]
        begun, cpu = time.perf_counter(), cpu_seconds()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while Run(out).first is None:
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended without a first model")
            time.sleep(POLL_SECONDS)
        fitting = time.perf_counter() - begun
        process.kill()
        process.wait()
        cpu = cpu_seconds() - cpu
        begun = time.perf_counter()
        _, predictions = evaluate(Run.load(out, first=True).model, read_task(folder, seed).test)
        return Outcome("first model", _named(predictions), fitting, fitting + time.perf_counter() - begun, cpu)


def last_model(folder: Path, out: Path, seed: int, minutes: float | None) -> Outcome:
    """`headstart run FOLDER`: the model that the whole run chose."""
    with empty_cache():
        begun, cpu = time.perf_counter(), cpu_seconds()
        done = run_all(str(folder), seed=seed, minutes=minutes, out=out)
        seconds, cpu = time.perf_counter() - begun, cpu_seconds() - cpu
        fitting = seconds - done.seconds["evaluate"]
        return Outcome("last model", _named(done.predictions), fitting, seconds, cpu * fitting / seconds)


def cpu_seconds() -> float:
    """Processor time of this process and of its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _named(predictions: Predictions) -> Predictions:
    """The same with the file names alone."""
    names = tuple(Path(name).name for name in predictions.names)
    return replace(predictions, names=names)


def fitted_by(way: str, script: Path, python: str, folder: Path, truth: Predictions, settings: dict[str, object]) -> Outcome:
    """What another tool's script gives in its own environment; labels and groups of the test rows are those of `truth`."""
    card = card_of(NAME)
    with tempfile.TemporaryDirectory() as place:
        weights, out = Path(place) / "weights.safetensors", Path(place) / "predictions.npz"
        state = load_backbone(NAME).module.state_dict()
        save_file({name: value for name, value in state.items() if not name.startswith("classifier.")}, weights)
        named = {"architecture": card.architecture, "weights": weights, "out": out, **settings}
        command = [python, str(script), str(folder), *(f"--{name.replace('_', '-')}={value}" for name, value in named.items())]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ""}).stdout
        took = json.loads(printed.splitlines()[-1])
        with np.load(out) as found:
            names, classes, probs = found["names"].tolist(), found["classes"].tolist(), found["probs"]
    rows = [names.index(name) for name in truth.names]
    probs = probs[np.ix_(rows, [classes.index(name) for name in truth.classes])]
    predictions = Predictions(truth.names, truth.classes, truth.labels, probs, probs, truth.groups)
    return Outcome(way, predictions, took["fitting"], took["fitting"] + took["predicting"], took["cpu"])


def compared(title: str, options: argparse.Namespace, peer: Peer) -> None:
    """Print a table a set: headstart's two models and the tool's outcomes, and how the latter compare with the former."""
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.sets:
        rows = [row for seed in range(options.seeds) for row in measured(name, seed, options, peer)]
        for ours, theirs in dict.fromkeys((row["headstart"], row["compared with"]) for row in rows):
            part = [row for row in rows if (row["headstart"], row["compared with"]) == (ours, theirs)]
            heading = f"{name}: {ours} of headstart against {title} {theirs}"
            show(heading, part, ["accuracy", "its accuracy", "gain"], [column for column in part[0] if "/" in column])


def measured(name: str, seed: int, options: argparse.Namespace, peer: Peer) -> list[dict[str, object]]:
    """One row a model of headstart and outcome of the tool, on one draw of a set."""
    kept = SETS[name]
    out = options.out / f"peers-{name}-{seed}"
    task = read_task(name, seed, kept.per_class)
    folder = write_task(task, out / "pictures", options.test_rows)
    fresh = Path(tempfile.mkdtemp(dir=out))
    ours = [
        alone(first_model, folder, fresh / "first", seed),
        alone(last_model, folder, fresh / "last", seed, options.minutes),
    ]
    settings = {"side": input_pixels_for(card_of(NAME), task), "flip": int(kept.flip), "seed": seed}
    theirs = peer(folder, ours[0].predictions, settings)
    return [_row(name, seed, one, other) for other in theirs for one in ours]


def _row(name: str, seed: int, ours: Outcome, theirs: Outcome) -> dict[str, object]:
    gain = compare(ours.predictions, theirs.predictions, seed).accuracy_gain
    return {
        "set": name,
        "seed": seed,
        "headstart": ours.way,
        "compared with": theirs.way,
        "accuracy": float(ours.predictions.correct.mean()),
        "its accuracy": float(theirs.predictions.correct.mean()),
        "interval": _interval(ours.predictions),
        "its interval": _interval(theirs.predictions),
        "gain": gain.value,
        "low": gain.low,
        "high": gain.high,
        "fitting": ours.fitting,
        "seconds": ours.seconds,
        "CPU": ours.cpu,
        "its fitting": theirs.fitting,
        "its seconds": theirs.seconds,
        "its CPU": theirs.cpu,
        "fitting: its / headstart": theirs.fitting / ours.fitting,
        "all: its / headstart": theirs.seconds / ours.seconds,
        "CPU: its / headstart": theirs.cpu / ours.cpu,
    }


def _interval(predictions: Predictions) -> str:
    estimate = wilson(int(predictions.correct.sum()), len(predictions))
    return f"{estimate.low:.3f} to {estimate.high:.3f}"
