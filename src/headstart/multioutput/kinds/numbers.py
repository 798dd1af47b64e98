"""Numbers: an age, a dose, an angle, by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from headstart.core.findings import Finding
from headstart.core.types import Booleans, Floats, Integers
from headstart.multioutput.kinds.base import Link, OutputKind, WithoutImages

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST_RANGE = 1e-9
"""Of the largest number: what differs by less is one number but for rounding."""
FAR = 20.0
"""Numbers that are as many times the distance of the quartiles outside of these lie far: of normal numbers none does, of
log-normal ones with a standard deviation of 1 three in ten thousand, and -999 among ages of 20 to 60 years. Chosen, not
measured."""
COMMON = 0.25
"""Share of the images beyond which one number, as a dose of 0, is common: a quartile may then be that number, and the distance of
both next to nothing."""
SHARE_RIGHT = 0.8
"""Share of all images that count as right in slices: errors that are rare enough to be bad, and common enough to compare. Chosen,
not measured."""
NUM_STRATA = 5
"""Equal parts of the images by their number, which splits and folds keep in proportion, and by which models are ranked."""


@final
class Numbers(OutputKind):
    """A number an image. Least squares and networks see it standardized; an image's loss is its squared error over the variance.

    A fall of the mean loss by 0.1 is thus a rise of R2 by 0.1. Pictures are not varied while a network is trained: crops change
    sizes, and turns change angles.
    """

    noun: ClassVar[str] = "numbers"
    loss_name: ClassVar[str] = "squared error over the variance"
    gain_name: ClassVar[str] = "higher R2"
    fits: ClassVar[tuple[str, ...]] = ("ridge",)
    primary: ClassVar[str] = "r2"

    def outputs_in(self, cells: Sequence[str]) -> tuple[str, ...]:
        return ("target",)

    def targets(self, cells: Sequence[str], names: tuple[str, ...]) -> Floats:
        return np.array([[float(cell)] for cell in cells], np.float64).reshape(-1, 1)

    def strata(self, targets: Floats, known: Floats) -> Integers:
        """The fifth of the known images that each belongs to, by its number; equal numbers stay together."""
        edges = np.quantile(known[:, 0], np.arange(1, NUM_STRATA) / NUM_STRATA)
        found = np.unique(np.searchsorted(edges, known[:, 0], side="left"))
        own = np.searchsorted(found, np.searchsorted(edges, targets[:, 0], side="left"))
        return np.minimum(own, len(found) - 1).astype(np.int64)

    def named_strata(self, targets: Floats, names: tuple[str, ...]) -> tuple[Integers, tuple[str, ...]]:
        """The fifths of the images by their number."""
        found = self.strata(targets, targets)
        inside = [targets[found == one, 0] for one in range(int(found.max()) + 1)]
        return found, tuple(f"{one.min():.4g} to {one.max():.4g}" for one in inside)

    def right(self, values: Floats, targets: Floats, thresholds: Floats) -> tuple[Booleans, str]:
        """Those with the smallest errors, four in five of all."""
        errors = np.abs(values - targets).max(axis=1)
        bound = float(np.quantile(errors, SHARE_RIGHT))
        return errors <= bound, f"An image is right where it is within {bound:.3g} of the true number, as four in five are."

    def problem_of(self, targets: Floats, names: tuple[str, ...]) -> str:
        varies = float(np.ptp(targets)) > SMALLEST_RANGE * float(np.abs(targets).max())
        return "" if varies else f"every target is {targets[0, 0]:g}"

    def findings(self, targets: Floats) -> tuple[Finding, ...]:
        """That numbers lie far from all others, as codes for an unknown one do."""
        low, high, inside = _usual(targets[:, 0])
        distance = np.maximum(low - targets[:, 0], targets[:, 0] - high)
        far = distance > FAR * (high - low)
        if not far.any():
            return ()
        farthest = float(targets[int(distance.argmax()), 0])
        title = (
            f"Numbers lie far from all others ({int(far.sum())}): one is {farthest:g}, and {inside} lie in {low:g} to {high:g}."
        )
        advice = "If such a number stands for an unknown one, leave its cell empty; correct it if it is wrong."
        return (Finding.warning("outlying-numbers", title, advice, count=int(far.sum()), farthest=farthest),)

    def scaling(self, targets: Floats) -> Link:
        std = targets.std(axis=0)
        return Link(np.where(std > 0, std, 1.0), targets.mean(axis=0))

    def encoded(self, targets: Floats, scaling: Link) -> Floats:
        return np.asarray((targets - scaling.offset) / scaling.slope)

    def network_loss(self, scores: Tensor, encoded: Tensor) -> Tensor:
        from torch.nn.functional import mse_loss  # noqa: PLC0415

        return mse_loss(scores, encoded)

    def linked(self, scores: Floats, targets: Floats, scaling: Link) -> Link:
        return scaling

    def values(self, scores: Floats, link: Link) -> Floats:
        return link(scores)

    def constant(self, targets: Floats) -> Floats:
        return np.asarray(targets.mean(axis=0))

    def without_images(self, counts: Sequence[int], num_images: int, link: Link) -> WithoutImages:
        return WithoutImages(link.offset, np.full(len(link.offset), np.nan), link)

    def row_losses(self, values: Floats, targets: Floats, scaling: Link) -> Floats:
        return np.asarray((((values - targets) / scaling.slope) ** 2).mean(axis=1))


def _usual(numbers: Floats) -> tuple[float, float, str]:
    """The quartiles and how many lie between them; where one number is common, those of the others, widened to hold it too."""
    values, counts = np.unique(numbers, return_counts=True)
    common, others = values[counts.argmax()], numbers[numbers != values[counts.argmax()]]
    if counts.max() <= COMMON * len(numbers) or not len(others):
        low, high = np.quantile(numbers, (0.25, 0.75))
        return float(low), float(high), "half"
    low, high = np.quantile(others, (0.25, 0.75))
    return float(min(low, common)), float(max(high, common)), "most"
