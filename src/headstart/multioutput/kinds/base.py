"""OutputKind: what differs between several labels an image and numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from headstart.core.findings import Finding
from headstart.core.types import Booleans, Floats, Integers

if TYPE_CHECKING:  # a prediction loads no network to train
    from torch import Tensor

    from headstart.data.augmentation.views import ViewName


@dataclass(frozen=True)
class Link:
    """From a score to what is said: slope times score plus offset, then what the kind makes of it.

    Attributes:
        slope: float64 [output].
        offset: float64 [output].
    """

    slope: Floats = field(repr=False)
    offset: Floats = field(repr=False)

    def __call__(self, scores: Floats) -> Floats:
        """The line, float64 [sample, output]."""
        return np.asarray(self.slope * scores + self.offset)


class WithoutImages(NamedTuple):
    """What is best said without any image, by the images that were learned from.

    Attributes:
        values: float64 [output].
        thresholds: float64 [output]: from which value on an output is said to be there; nan for numbers.
        scaling: What a loss is measured by.
    """

    values: Floats
    thresholds: Floats
    scaling: Link


class OutputKind(ABC):
    """How outputs are read, encoded for least squares, trained, linked and said.

    All arrays are [sample, output].

    Attributes:
        noun: What outputs are called, in the plural.
        loss_name: What the loss of an image is called that candidates are compared by.
        gain_name: What the fall of that loss from one candidate to another is called.
        fits: What is fitted on frozen features, by the names of `headstart.multioutput.fits`.
        primary: The metric that a person is told first.
        view: How pictures are varied while a network is trained.
    """

    noun: ClassVar[str]
    loss_name: ClassVar[str]
    gain_name: ClassVar[str]
    fits: ClassVar[tuple[str, ...]]
    primary: ClassVar[str]
    view: ClassVar[ViewName] = "plain"

    @classmethod
    def name(cls) -> str:
        """The kind's name: its file's name."""
        return cls.__module__.rsplit(".", 1)[-1]

    @abstractmethod
    def outputs_in(self, cells: Sequence[str]) -> tuple[str, ...]:
        """The names of the outputs that labels to learn from tell."""

    @abstractmethod
    def targets(self, cells: Sequence[str], names: tuple[str, ...]) -> Floats:
        """The targets that labels say, float64 [sample, output]."""

    @abstractmethod
    def strata(self, targets: Floats, known: Floats) -> Integers:
        """Classes, int64 [sample], whose shares splits and folds keep, and by whose scores models are ranked.

        `known` are the targets to learn from, which alone decide what the classes are.
        """

    @abstractmethod
    def named_strata(self, targets: Floats, names: tuple[str, ...]) -> tuple[Integers, tuple[str, ...]]:
        """The stratum of each evaluated image by the targets of all of them, int64 [sample], and what strata are called."""

    @abstractmethod
    def right(self, values: Floats, targets: Floats, thresholds: Floats) -> tuple[Booleans, str]:
        """Which evaluated images count as right, bool [sample], and when one does, in one sentence."""

    @abstractmethod
    def problem_of(self, targets: Floats, names: tuple[str, ...]) -> str:
        """Why nothing can be learned of these targets, in a clause; empty where something can."""

    def findings(self, targets: Floats) -> tuple[Finding, ...]:
        """What is noteworthy about targets to learn from; nothing by default."""
        return ()

    @abstractmethod
    def scaling(self, targets: Floats) -> Link:
        """What undoes `encoded`, by the targets to learn from."""

    @abstractmethod
    def encoded(self, targets: Floats, scaling: Link) -> Floats:
        """What scores are fitted to by least squares, of mean about 0 and size about 1."""

    @abstractmethod
    def network_loss(self, scores: Tensor, encoded: Tensor) -> Tensor:
        """What a network is trained to minimize, a scalar."""

    @abstractmethod
    def linked(self, scores: Floats, targets: Floats, scaling: Link) -> Link:
        """The link that held-out scores calibrate."""

    def start(self, scores: Floats, targets: Floats) -> Link:
        """From leave-one-out scores of least squares to what a network starts to be trained from; as they are by default."""
        return Link(np.ones(scores.shape[1]), np.zeros(scores.shape[1]))

    @abstractmethod
    def values(self, scores: Floats, link: Link) -> Floats:
        """What scores say: probabilities or numbers."""

    @abstractmethod
    def constant(self, targets: Floats) -> Floats:
        """What is best said without any image, float64 [output]."""

    @abstractmethod
    def without_images(self, counts: Sequence[int], num_images: int, link: Link) -> WithoutImages:
        """What is best said without any image, by what a run keeps of the images that it learned from.

        Args:
            counts: Of labels, the images that have each; empty for numbers.
            num_images: Images that it learned from.
            link: That of its model.

        Returns:
            What `constant` says of the targets of these images, with thresholds and scaling.
        """

    @abstractmethod
    def row_losses(self, values: Floats, targets: Floats, scaling: Link) -> Floats:
        """The loss of each image, float64 [sample], whose mean compares candidates."""

    def thresholds(self, values: Floats, targets: Floats) -> Floats:
        """From which value on an output is said to be there, float64 [output]; none is where outputs are numbers."""
        return np.full(values.shape[1], np.nan)
