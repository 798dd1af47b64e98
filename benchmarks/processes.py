"""Loss curves of one fit on 1, 2 and 4 processes at equal batches, and of a fit that is killed on 4 and goes on on 2.

Expected: no curve differs from that of one process by more than 1e-4 over 50 steps, or by more than rounding where a training
lets rounding grow. The column "rounding" shows how far it grows: one process, whose weights begin one unit in the last place
away. The column "float64" compares four processes with one in arithmetic in which rounding stays small, and so shows that
both compute the same. Without a GPU the processes share the cores: seconds show what dividing costs, not what it gains.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import torch

from benchmarks.protocol import show
from headstart.backbones.loading import load_backbone
from headstart.core.launched import launched
from headstart.data.reading import read_task
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.base import GradientMethod
from headstart.training.batches import Batch
from headstart.training.joining import all_processes
from headstart.training.learner import Learner
from headstart.training.loop import fit_for, train
from headstart.training.objective import Losses
from headstart.training.settings import Training

STEPS = 50
SCHEDULED = 150
"""Steps of the schedule, about; up to 399 the history has a line for each."""
BATCH = 32
CASES = {
    "from scratch, batch statistics": ("fine_tune", "small_cnn", 32),
    "LP-FT behind the middle": ("lp_ft", "efficientnet_lite0", 96),
    "LP-FT of the whole network": ("lp_ft", "efficientnet_lite0", 96),
    "from scratch, by SGD": ("fine_tune", "small_cnn", 32),
    "SimCLR from scratch": ("sim_clr", "small_cnn", 32),
    "DAN behind the middle": ("dan", "efficientnet_lite0", 96),
    "MixStyle of the whole network": ("mix_style", "efficientnet_lite0", 96),
}
"""Method, network and side of each fit."""


class Exact:
    """In the place of `Learner.fast_arithmetic`, which computes in float32 or less."""

    def __call__(self, bf16: bool) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@dataclass(frozen=True)
class InDouble:
    """Losses of batches in float64."""

    losses: Losses

    def __call__(self, learner: Learner, batch: dict[str, Batch], progress: float) -> dict[str, torch.Tensor]:
        wide = {
            name: replace(part, images=part.images.double(), also=tuple(images.double() for images in part.also))
            for name, part in batch.items()
        }
        return self.losses(learner, wide, progress)


def task_of(kind: str, per_class: int) -> Task:
    """A small draw of the embedded set; methods that need a source, or domains, get halves of it."""
    task = read_task("emoji", 0, per_class)
    rows = np.arange(len(task.train))
    if kind == "dan":
        return Task(**{**vars(task), "source": task.train.take(rows[::2]), "unlabeled": task.train.take(rows[1::2])})
    if kind == "mix_style":
        images = Task(**vars(task)).train.take(rows[::2])
        return Task(**{**vars(task), "source": images})
    return task


@dataclass
class Prepared:
    """What `train` and `fit_for` take."""

    learner: Learner
    streams: dict[str, Stream]
    losses: Losses
    method: GradientMethod
    training: Training


def prepared(case: str, given: argparse.Namespace) -> Prepared:
    """One case, before its first step."""
    kind, network, pixels = CASES[case]
    task, method = task_of(kind, given.per_class), method_from({"kind": kind})
    weights = "none" if network == "small_cnn" else "pretrained"
    backbone = load_backbone(network, weights, pixels, seed=given.seed)
    settings = {"batch_size": BATCH, "precision": "float32", "stop_after": given.steps, "accumulate": given.accumulate}
    settings |= {"optimizer": "sgd", "lr": 0.01} if "SGD" in case else {}
    epochs = 1 + SCHEDULED * BATCH // len(task.train)
    training = Training(**settings, epochs=epochs, checkpoint_seconds=0.5, seed=given.seed)
    task = method._joined(task)
    learner: Learner = method._built(task, backbone, training)
    if "behind" in case:
        learner.freeze_up_to(method.stages(backbone)[0])
    if given.nudged:
        with torch.no_grad():
            for weight in learner.parameters():
                weight.copy_(torch.nextafter(weight, torch.full_like(weight, torch.inf)))
    if given.float64:
        learner = learner.double()
        learner.fast_arithmetic = Exact()
    losses = InDouble(method.losses) if given.float64 else method.losses
    return Prepared(learner, method._fed(task, backbone), losses, method, training)


def fit(case: str, out: Path, given: argparse.Namespace) -> None:
    """Fifty steps of one case, whose history lies in the folder."""
    one = prepared(case, given)
    train(one.learner, one.streams, one.losses, one.training, out, one.method.after_step)


def share_of_batches(case: str, given: argparse.Namespace) -> dict[str, object]:
    """What drawing and augmenting a batch takes of a step in one process: every process does it for the whole batch."""
    one = prepared(case, given)
    fit = fit_for(one.learner, one.streams, one.losses, one.training, None, one.method.after_step)
    fit.prepare()
    trained, seconds = fit.attempt_state(0), {"batch": [], "step": []}
    one.learner.train()
    for step in range(12):
        for name, do in (
            ("batch", lambda step=step: [batches.at(step, torch.device("cpu")) for batches in fit.streams.values()]),
            ("step", lambda step=step: fit.step(trained, step)),
        ):
            begun = time.process_time()
            do()
            seconds[name].append(time.process_time() - begun)
    batch, whole = (float(np.median(values[2:])) for values in seconds.values())
    return {"fit": case, "batch ms": f"{1e3 * batch:.0f}", "step ms": f"{1e3 * whole:.0f}", "share": f"{batch / whole:.3f}"}


def run_on(count: int, case: str, out: Path, *words: str, killed_at: int = 0) -> float:
    """A fit on so many processes; it is killed once its history has so many lines, if any. The seconds of its steps."""
    module = ["-m", "benchmarks.processes", "--case", case, "--out", str(out), *words]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count)]
    command = [sys.executable, *module] if count == 1 else [*launcher, *module]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HEADSTART_QUIET": "1", "HEADSTART_ENGINE": "torch-float32"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as program:
        while program.poll() is None:
            time.sleep(0.2)
            if killed_at and (out / "checkpoint.safetensors").exists() and len(losses_in(out)) >= killed_at:
                for one in [*psutil.Process(program.pid).children(recursive=True), program]:
                    one.kill()  # torchrun gives each of its processes a group of its own
    if not killed_at and program.returncode:
        raise SystemExit(f"{case} on {count} processes ended with {program.returncode}")
    return float(json.loads((out / "history.jsonl").read_text().splitlines()[-1])["seconds"])


def losses_in(out: Path) -> list[float]:
    """The summed loss of each step."""
    path = out / "history.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [sum(line["losses"].values()) for line in lines]


def compared(case: str, folder: Path, words: list[str]) -> dict[str, object]:
    """One case: the largest difference of each curve from that of one process."""
    ways: dict[str, Callable[[Path], float]] = {
        "1": lambda out: run_on(1, case, out, *words),
        "2": lambda out: run_on(2, case, out, *words),
        "4": lambda out: run_on(4, case, out, *words),
        "4, killed, then 2": lambda out: killed_and_resumed(case, out, words),
        "rounding": lambda out: run_on(1, case, out, *words, "--nudged"),
    }
    ways["1, float64"] = lambda out: run_on(1, case, out, *words, "--float64")
    ways["4, float64"] = lambda out: run_on(4, case, out, *words, "--float64")
    if "scratch" not in case:
        ways["4 slices, float64"] = lambda out: run_on(1, case, out, *words, "--float64", "--accumulate", "4")
    row: dict[str, object] = {"fit": case}
    curves, seconds = {}, {}
    for way, run in ways.items():
        out = folder / f"{case} {way}".replace(" ", "_").replace(",", "")
        seconds[way] = run(out)
        curves[way] = losses_in(out)
    for way in ways:
        if len(curves[way]) != len(curves["1"]):
            raise SystemExit(f"{case}, {way}: {len(curves[way])} steps in the history, not {len(curves['1'])}")
        if way not in ("1", "1, float64"):
            one = curves["1, float64" if "float64" in way else "1"]
            row[way] = f"{max(abs(a - b) for a, b in zip(one, curves[way], strict=True)):.1e}"
    timed = [way for way in ("1", "2", "4", "1, float64", "4 slices, float64") if way in seconds]
    return row | {
        "loss": f"{curves['1'][0]:.2f} to {curves['1'][-1]:.2f}",
        "s": "; ".join(f"{way}: {seconds[way]:.0f}" for way in timed),
    }


def killed_and_resumed(case: str, out: Path, words: list[str]) -> float:
    """A fit that is killed after 20 steps on four processes, and goes on on two."""
    run_on(4, case, out, *words, killed_at=20)
    return run_on(2, case, out, *words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="", help="run this fit here, and nothing else")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from 0 on, whose curves are compared")
    parser.add_argument("--seed", type=int, default=0, help="of the one fit of --case, or of --shares")
    parser.add_argument("--nudged", action="store_true")
    parser.add_argument("--shares", action="store_true", help="print what batches take of a step, and nothing else")
    parser.add_argument("--float64", action="store_true")
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--per-class", type=int, default=8)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    given = parser.parse_args()
    if given.shares:
        show("share of batches", [share_of_batches(case, given) for case in given.cases], [])
        return
    if not given.case:
        words = ["--steps", str(given.steps), "--per-class", str(given.per_class)]
        rows = []
        for seed in range(given.seeds):
            with tempfile.TemporaryDirectory() as folder:
                rows += [{"seed": seed, **compared(case, Path(folder), [*words, "--seed", str(seed)])} for case in given.cases]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        show("curves", [{name: row.get(name, "") for name in columns} for row in rows], [])
        return
    place = launched()
    if place is None:
        fit(given.case, given.out, given)
        return
    with all_processes(place) as leads:
        if leads:
            fit(given.case, given.out, given)


if __name__ == "__main__":
    main()
