"""OutputTask: images with the outputs to learn, split and sealed as those of a task of classes are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from headstart.core.findings import Finding
from headstart.core.records import Record, fingerprint_of
from headstart.core.types import Floats
from headstart.data.task import Task
from headstart.multioutput.kinds import KINDS
from headstart.multioutput.kinds.base import Link, OutputKind


class OutputSummary(Record):
    """What a task of outputs consists of.

    Attributes:
        name: Short name.
        place: Where it was read from.
        kind: The kind of its outputs.
        outputs: Their names.
        column: The heading of the numbers that were asked for; empty for others.
        counts: Of labels: labeled images that have each.
        quantiles: Of numbers: least, quartiles and largest among labeled images.
        num_labeled: Images to learn from.
        num_test: Sealed images.
        seed: Of split and folds.
        test_share: The share that was asked for as a test; None for the default.
        task_fingerprint: Changes when any image or target changes.
    """

    name: str
    place: str
    kind: str
    outputs: tuple[str, ...]
    column: str = ""
    counts: tuple[int, ...] = ()
    quantiles: tuple[float, ...] = ()
    num_labeled: int
    num_test: int
    seed: int
    test_share: float | None = None
    task_fingerprint: str


@dataclass(frozen=True)
class OutputTask:
    """Images with their targets.

    Attributes:
        kind: Of the outputs.
        outputs: Their names.
        images: The images, split; its labels are the strata of the targets, which are not learned.
        targets: float64 [labeled sample, output]: of `images.labeled`.
        hidden_targets: float64 [test sample, output]: of `images.test`, which evaluation alone reads; None without a test.
        column: The heading of the numbers that were asked for; empty for others.
    """

    kind: OutputKind
    outputs: tuple[str, ...]
    images: Task
    targets: Floats = field(repr=False)
    hidden_targets: Floats | None = field(repr=False, default=None)
    column: str = ""

    @property
    def name(self) -> str:
        """That of the images."""
        return self.images.name

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What reading noticed."""
        return self.images.findings

    @cached_property
    def scaling(self) -> Link:
        """What undoes `encoded`."""
        return self.kind.scaling(self.targets)

    @cached_property
    def encoded(self) -> Floats:
        """The targets as least squares has them, float64 [labeled sample, output]."""
        return self.kind.encoded(self.targets, self.scaling)

    @cached_property
    def fingerprint(self) -> str:
        """Changes when any image, split, target or the seed changes."""
        hidden = [] if self.hidden_targets is None else self.hidden_targets.tolist()
        return fingerprint_of([self.images.fingerprint, self.kind.name(), self.outputs, self.targets.tolist(), hidden])

    def summary(self) -> OutputSummary:
        """The task's numbers."""
        are_labels = self.kind.noun == "labels"
        quantiles = np.quantile(self.targets[:, 0], [0, 0.25, 0.5, 0.75, 1])
        return OutputSummary(
            name=self.name,
            place=self.images.place,
            kind=self.kind.name(),
            outputs=self.outputs,
            column=self.column,
            counts=tuple(int(count) for count in self.targets.sum(axis=0)) if are_labels else (),
            quantiles=() if are_labels else tuple(float(one) for one in quantiles),
            num_labeled=len(self.targets),
            num_test=0 if self.images.test is None else len(self.images.test),
            seed=self.images.seed,
            test_share=self.images.test_share,
            task_fingerprint=self.fingerprint,
        )


def kind_named(name: str) -> OutputKind:
    """The kind of that name."""
    return KINDS.get(name)()
