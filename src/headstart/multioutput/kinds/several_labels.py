"""Several labels: classes that do not exclude each other, one sigmoid each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from scipy.special import expit

from headstart.core.types import Booleans, Floats, Integers
from headstart.data.class_names import natural_order
from headstart.data.outputs import labels_in
from headstart.heads.platt_scaling import fit_platt
from headstart.multioutput.kinds.base import Link, OutputKind, WithoutImages

if TYPE_CHECKING:
    from torch import Tensor

    from headstart.data.augmentation.views import ViewName

LEAST_PROBABILITY = 1e-6
"""Probabilities are kept this far from 0 and 1 in a loss."""
NONE = "none of the labels"
"""What images without any label are called."""
HALF = Link(np.array([0.5]), np.array([0.5]))
"""From -1 and 1 to 0 and 1."""


@final
class SeveralLabels(OutputKind):
    """One yes or no for each class. Least squares has the targets 1 and -1, a network the binary cross-entropy of each class.

    Probabilities come from held-out scores by Platt scaling, class by class. A class is said to be there from the probability on
    that has the largest F1 on held-out images.

    Reference: Boutell et al., "Learning multi-label scene classification", Pattern Recognition 2004 (one binary problem a class).
    """

    noun: ClassVar[str] = "labels"
    loss_name: ClassVar[str] = "log loss"
    gain_name: ClassVar[str] = "lower log loss a label"
    fits: ClassVar[tuple[str, ...]] = ("ridge", "logistic")
    primary: ClassVar[str] = "mean_average_precision"
    view: ClassVar[ViewName] = "weak"

    def outputs_in(self, cells: Sequence[str]) -> tuple[str, ...]:
        return natural_order({name for cell in cells for name in labels_in(cell)})

    def targets(self, cells: Sequence[str], names: tuple[str, ...]) -> Floats:
        place = {name: column for column, name in enumerate(names)}
        found = np.zeros((len(cells), len(names)))
        for row, cell in enumerate(cells):
            found[row, [place[name] for name in labels_in(cell) if name in place]] = 1.0
        return found

    def strata(self, targets: Floats, known: Floats) -> Integers:
        """The rarest class of each image, which is the hardest to keep in every fold; one more for images without any.

        Reference: Sechidis, Tsoumakas & Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011 (the rarest label
            first).
        Differs: one label decides, so that groups can be kept whole by the stratification that there is.
        """
        rarest_first = np.argsort(known.sum(axis=0), kind="stable")
        ordered = targets[:, rarest_first] > 0
        rarest = np.where(ordered.any(axis=1), rarest_first[ordered.argmax(axis=1)], targets.shape[1])
        return np.asarray(rarest, np.int64)

    def named_strata(self, targets: Floats, names: tuple[str, ...]) -> tuple[Integers, tuple[str, ...]]:
        """The rarest label of each image."""
        return self.strata(targets, targets), (*names, NONE)

    def right(self, values: Floats, targets: Floats, thresholds: Floats) -> tuple[Booleans, str]:
        """Those with all labels right, or with as few wrong ones as at least half of the images have."""
        wrong = ((values >= thresholds) != (targets > 0)).sum(axis=1)
        most = int(np.quantile(wrong, 0.5, method="higher"))
        if most == 0:
            return wrong == 0, "An image is right where all of its labels are."
        return wrong <= most, f"An image is right where no more than {most} of its labels are wrong, as in at least half of them."

    def problem_of(self, targets: Floats, names: tuple[str, ...]) -> str:
        counts = targets.sum(axis=0)
        if not ((counts > 0) & (counts < len(targets))).any():
            return "every label is on all images or on none"
        return ""

    def scaling(self, targets: Floats) -> Link:
        return HALF

    def encoded(self, targets: Floats, scaling: Link) -> Floats:
        return np.asarray(2.0 * targets - 1.0)

    def network_loss(self, scores: Tensor, encoded: Tensor) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits  # noqa: PLC0415

        return binary_cross_entropy_with_logits(scores, (encoded + 1) / 2)

    def linked(self, scores: Floats, targets: Floats, scaling: Link) -> Link:
        return Link(*fit_platt(scores, targets))

    def start(self, scores: Floats, targets: Floats) -> Link:
        """The logits of Platt scaling."""
        return Link(*fit_platt(scores, targets))

    def values(self, scores: Floats, link: Link) -> Floats:
        return np.asarray(expit(link(scores)))

    def constant(self, targets: Floats) -> Floats:
        return _shares(targets.sum(axis=0), len(targets))

    def without_images(self, counts: Sequence[int], num_images: int, link: Link) -> WithoutImages:
        """The share of each class; it is said of every image or of none, and of every one its F1 is larger."""
        shares = _shares(np.asarray(counts, np.float64), num_images)
        return WithoutImages(shares, np.where(np.asarray(counts) > 0, shares / 2, 0.5), HALF)

    def row_losses(self, values: Floats, targets: Floats, scaling: Link) -> Floats:
        """Mean binary cross-entropy of the labels of an image."""
        probs = np.clip(values, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        return np.asarray(-np.where(targets > 0, np.log(probs), np.log1p(-probs)).mean(axis=1))

    def thresholds(self, values: Floats, targets: Floats) -> Floats:
        """The probability from which on F1 is largest, half-way to the next lower one; 0.5 for a class that no image shows."""
        return np.array([_best_threshold(values[:, one], targets[:, one] > 0) for one in range(values.shape[1])])


def _shares(counts: Floats, num_images: int) -> Floats:
    return np.asarray((counts + 0.5) / (num_images + 1))


def _best_threshold(values: Floats, positive: Booleans) -> float:
    if not positive.any():
        return 0.5
    order = np.argsort(-values, kind="stable")
    sorted_values = values[order]
    right = np.cumsum(positive[order])
    f1 = 2 * right / (np.arange(1, len(values) + 1) + positive.sum())
    last = np.append(sorted_values[1:] < sorted_values[:-1], True)  # a threshold takes all of equal values
    best = int(np.argmax(np.where(last, f1, -1.0)))
    below = sorted_values[best + 1] if best + 1 < len(values) else 0.0
    return float((sorted_values[best] + below) / 2)
