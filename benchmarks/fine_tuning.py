"""Fine-tuning beside the ensemble of closed forms: what each adds to the other, by the number of labels.

A cell is "set:labels a class"; a set is a built-in name or a folder. A member is a method with settings, of the method itself,
of `Training`, or `network` and `pixels`: "lp_ft:depth=late,epochs=6,batch_size=16". All see the same labeled rows and folds.
The closed forms are ridge on stages and pixels of the three packaged networks, and their geometric mean with exponents that were
fitted out of fold. Of a member, one model is fitted to each fold (`--folds`, the first ones).
Test rows are untouched by all of it, `--most-test` at most.

Printed: accuracy in per cent and log loss on test rows of the closed forms, of the member, and of the mean of both with exponents
fitted out of fold: once with the mean of the fold models (closed forms of the same folds beside them) and, with `--refit 1`, once
with the model of all rows and once with one model whose weights are the mean of the fold models'. Seconds are those of the
process for a fit, features left out.

Everything finished is kept in OUT/fine_tuning, so that a run that ends early goes on; `--total-minutes` ends it between two fits.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods import cut
from benchmarks.processor import machine_line
from benchmarks.protocol import arguments
from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.errors import HeadstartError
from headstart.core.records import write_atomically
from headstart.core.types import Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.heads.opinion_pool import Prior, fit_weights
from headstart.methods import method_from
from headstart.methods.base import Method
from headstart.methods.heads import head_from
from headstart.methods.model import Model
from headstart.training.interpolation import mean_of
from headstart.training.settings import Training

NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
CLOSED = "ridge:blocks=stages+pixels"
CELLS = ("digits:20", "emoji:20", "elpv:50", "fashion-mnist:20")
MEMBERS = ("lp_ft", "residual:shrinkage=1.0")
WHOLE, SOUP = "whole", "soup"
SMALLEST = 1e-12
THIRDS, HALVES = (1 / 3,) * 3, (1 / 6, 1 / 6, 1 / 6, 1 / 2)
"""Weights that are expected before any row is seen, of the closed forms alone and of these with a member."""
PRIOR_STD = 0.2
"""Standard deviation of that expectation. It was the one of `headstart run` when the table was made."""


@dataclass(frozen=True)
class Member:
    """A method with its training, on a network."""

    spec: str
    method: Method
    training: Training
    network: str
    pixels: int | None

    @classmethod
    def parsed(cls, spec: str, seed: int) -> Member:
        """The member that a text names."""
        kind, _, rest = spec.partition(":")
        given = {name: _value(text) for name, _, text in (pair.partition("=") for pair in rest.split(",") if pair)}
        network, pixels = given.pop("network", NETWORKS[0]), given.pop("pixels", None)
        training = {name: given.pop(name) for name in tuple(given) if name in Training.model_fields}
        method = method_from({"kind": kind, **given}, spec)
        return cls(spec, method, Training(**training, seed=seed), str(network), pixels)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class Part:
    """One fitted model: its log probabilities of held-out and of test rows, and the seconds of its fit."""

    held_out: Floats
    test: Floats
    seconds: float

    def write(self, file: Path) -> None:
        """Keep it in a file, whole or not at all."""
        written = io.BytesIO()
        np.savez_compressed(written, held_out=self.held_out, test=self.test, seconds=self.seconds)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, written.getvalue())

    @classmethod
    def read(cls, file: Path) -> Part:
        """The part in a file."""
        with np.load(file) as arrays:
            return cls(arrays["held_out"], arrays["test"], float(arrays["seconds"]))


@dataclass(frozen=True)
class Cell:
    """A task, where the parts of its members lie, and what is fitted of each."""

    name: str
    seed: int
    place: Path
    most_test: int
    num_folds: int

    @cached_property
    def task(self) -> Task:
        """The task."""
        place, _, per_class = self.name.rpartition(":")
        task = read_task(place, self.seed, int(per_class))
        if task.test is None:
            raise SystemExit(f"{self.name} leaves nothing to test on.")
        return replace(task, test=cut(task.test, self.most_test, self.seed, "test"))

    @cached_property
    def test(self) -> ImageSet:
        """The test rows with their labels."""
        if self.task.test is None:
            raise SystemExit(f"{self.name} leaves nothing to test on.")
        return self.task.test.opened_for_evaluation()

    @property
    def folds(self) -> tuple[str, ...]:
        """Names of the parts that leave rows out."""
        return tuple(str(index) for index in range(min(self.num_folds, len(self.task.folds))))

    def part(self, member: Member, name: str) -> Part:
        """The part, read where it is there, fitted where it is not."""
        file = self.file(member.spec, name)
        if not file.exists():
            part = self._averaged(member) if name == SOUP else self._fitted(member, name)
            part.write(file)
            print(f"{self.name} {self.seed} {member.spec} {name}: {part.seconds:.1f} s", file=sys.stderr, flush=True)
        return Part.read(file)

    def file(self, spec: str, name: str) -> Path:
        """Where a part lies."""
        cell = self.name.replace("/", "_").replace(":", "-")
        return self.place / f"{cell}-{self.seed}" / spec.replace(":", " ").replace("/", "_") / f"{name}.npz"

    def backbone(self, member: Member) -> Backbone:
        """The member's network at its side."""
        pixels = member.pixels or input_pixels_for(card_of(member.network), self.task)
        return load_backbone(member.network, input_pixels=pixels)

    def _fitted(self, member: Member, name: str) -> Part:
        backbone = self.backbone(member)
        fold = None if name == WHOLE else self.task.folds[int(name)]
        part = self.task.restricted_to(fold.fit if fold else np.arange(len(self.task.labeled)))
        features_of(self.task.labeled, backbone)
        begun = time.process_time()
        model = member.method.fit(part, backbone, member.training)
        seconds = time.process_time() - begun
        if fold and member.method.cost == "gradient":
            model.save(self.file(member.spec, name).with_suffix(""))
        held_out = log_probs(model, self.task.labeled.take(fold.held_out)) if fold else np.empty((0, part.num_classes))
        return Part(held_out, log_probs(model, self.test), seconds)

    def _averaged(self, member: Member) -> Part:
        """The model whose weights are the mean of those of the fold models; nothing is fitted."""
        models = [Model.load(self.file(member.spec, fold).with_suffix("")) for fold in self.folds]
        return Part(np.empty((0, self.task.num_classes)), log_probs(mean_of_weights(models), self.test), 0.0)

    def held_out_rows(self) -> Integers:
        """The rows of the folds, in their order."""
        return np.concatenate([self.task.folds[int(fold)].held_out for fold in self.folds])

    def held_out(self, spec: str) -> Floats:
        """Log probabilities of these rows by the models that left them out."""
        return np.concatenate([Part.read(self.file(spec, fold)).held_out for fold in self.folds])

    def tested(self, spec: str, way: str) -> Floats:
        """Log probabilities of the test rows: by the model of all rows, or the mean of those of the fold models."""
        parts = [Part.read(self.file(spec, name)) for name in (self.folds if way == "folds" else (way,))]
        return np.asarray(np.mean([part.test for part in parts], axis=0))


def mean_of_weights(models: list[Model]) -> Model:
    """A model whose network's and head's weights are the means of theirs (Wortsman et al., "Model soups", ICML 2022)."""
    first = models[0]
    backbone = first.backbone.network.copy()
    states = [model.backbone.network.state_dict() for model in models]
    backbone.load_state_dict(mean_of(states))
    heads = [model.head.arrays() for model in models]
    head = head_from({name: np.mean([one[name] for one in heads], axis=0) for name in heads[0]}, first.head.settings())
    return replace(first, backbone=backbone.refreshed(), head=head)


def log_probs(model: Model, rows: ImageSet) -> Floats:
    """Log probabilities by the model's own temperature, float64 [sample, class]."""
    return np.log(np.maximum(model.predict(rows).probs, SMALLEST))


def judged(logs: Floats, labels: Integers) -> tuple[float, float, float]:
    """Accuracy, balanced accuracy and log loss of unnormalized log probabilities."""
    logs = logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)
    right = logs.argmax(axis=1) == labels
    balanced = np.mean([right[labels == label].mean() for label in np.unique(labels)])
    return float(right.mean()), float(balanced), -float(logs[np.arange(len(labels)), labels].mean())


def mixed(members: list[Floats], held_out: list[Floats], labels: Integers, prior: tuple[float, ...]) -> Floats:
    """Weighted sum of the members' log probabilities [sample, class], the weights fitted to held-out rows."""
    expected = Prior(np.array(prior), np.full(len(prior), PRIOR_STD))
    return np.tensordot(fit_weights(np.stack(held_out), labels, expected), np.stack(members), 1)


def rows_of(cell: Cell, specs: list[str]) -> Iterator[dict[str, Any]]:
    """What a cell shows of each member: with the fold models, and with the model of all rows where there is one."""
    labels, test = cell.task.labeled.labels[cell.held_out_rows()], cell.test.labels
    closed = [one.spec for one in closed_forms(cell.seed)]
    held = [cell.held_out(spec) for spec in closed]
    for spec in specs:
        member, both_held = cell.held_out(spec), [*held, cell.held_out(spec)]
        for way, shown in (("folds", f"{len(cell.folds)} folds"), (WHOLE, "all rows"), (SOUP, "mean weights of the folds")):
            if way != "folds" and not cell.file(spec, way).exists():
                continue
            known = [cell.tested(one, WHOLE if way == SOUP else way) for one in closed]
            own = cell.tested(spec, way)
            three, both = mixed(known, held, labels, THIRDS), mixed([*known, own], both_held, labels, HALVES)
            gained = (both.argmax(axis=1) == test).astype(float) - (three.argmax(axis=1) == test)
            yield {
                "cell": Path(cell.name).name,
                "seed": cell.seed,
                "member": spec,
                "models": shown,
                "closed": judged(three, test),
                "alone": judged(mixed([own], [member], labels, (1.0,)), test),
                "both": judged(both, test),
                "gain": (float(gained.mean()), float(gained.std() / np.sqrt(len(gained)))),
                "seconds": float(np.mean([Part.read(cell.file(spec, fold)).seconds for fold in cell.folds])),
            }


def closed_forms(seed: int) -> list[Member]:
    """Ridge on each packaged network."""
    return [Member.parsed(f"{CLOSED},network={network}", seed) for network in NETWORKS]


def fit(cell: Cell, specs: list[str], refit: bool, ends: float) -> None:
    """Fit what is missing: of the closed forms everything, of each member the folds, and all rows where asked."""
    for member in closed_forms(cell.seed):
        for name in (*cell.folds, WHOLE):
            cell.part(member, name)
    for spec in specs:
        for name in (*cell.folds, *((SOUP, WHOLE) if refit else ())):
            if time.monotonic() > ends:
                return
            try:
                cell.part(Member.parsed(spec, cell.seed), name)
            except HeadstartError as error:
                print(f"{cell.name} {spec}: {error}", file=sys.stderr, flush=True)
                break


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    parts = [
        f"{100 * accuracy:.1f} / {100 * balanced:.1f} / {loss:.3f}"
        for accuracy, balanced, loss in (row["closed"], row["alone"], row["both"])
    ]
    gain, error = row["gain"]
    shown = [row["cell"], str(row["seed"]), row["member"], row["models"], *parts, f"{100 * gain:+.1f} ({100 * error:.1f})"]
    return f"| {' | '.join(shown)} | {row['seconds']:.0f} |"


def main() -> None:
    """Fit what is missing, then print the table."""
    given = arguments(
        __doc__ or "", seeds=1, cells=CELLS, members=MEMBERS, folds=5, refit=0, most_test=2_000, total_minutes=600.0, first_seed=0
    )
    ends = time.monotonic() + 60 * given.total_minutes
    print(machine_line())
    print("| cell | seed | member | models | closed forms | member | both | gain of both (its error) | seconds a fit |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in given.cells:
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            cell = Cell(name, seed, given.out / "fine_tuning", given.most_test, given.folds)
            specs = list(given.members)
            fit(cell, specs, bool(given.refit), ends)
            done = [spec for spec in specs if all(cell.file(spec, fold).exists() for fold in cell.folds)]
            for row in rows_of(cell, done):
                print(line(row), flush=True)


if __name__ == "__main__":
    main()
