"""RISE: how much higher the probability of a class is where a part of the picture is shown, among random other parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from headstart.attribution.class_scores import probs_of
from headstart.attribution.maps.base import MapMethod
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers
from headstart.data.masked import MaskedImages
from headstart.methods.model import Model

CELLS = 7
"""Places of a side."""
NUM_MASKS = 100
"""Random halves of the picture that are replaced."""


@final
@dataclass(frozen=True)
class RISE(MapMethod):
    """Replaces random halves of 7 x 7 places, a hundred times, and compares the probability with a place and without it.

    A place counts by what it adds beside others, so that two parts that say the same both count.

    Attributes:
        num_masks: Halves that are replaced, an even number; fewer take less time and leave more noise.

    Needs: nothing but predictions, so that any model has such maps.
    Helps: as its order is the one in which replaced places lower the probability soonest; see `benchmarks/deletion_curves.py`.
    Hurts: small differences are noise of the masks. It takes 100 predictions a picture.

    Reference: Petsiuk, Das & Saenko, "RISE: Randomized input sampling for explanation of black-box models", BMVC 2018, eqs. 4-6.
    Differs: masks are neither smooth nor shifted; half of each is replaced by what the pictures say, blur by default, instead of
        black; the mean without a place is subtracted, so that maps have a zero.
    """

    num_masks: int = NUM_MASKS
    title: ClassVar[str] = "RISE"
    idea: ClassVar[str] = "how much higher the probability of the class is where a part is shown than where it is covered"

    @property
    def passes(self) -> int:
        return self.num_masks

    def unmet(self, model: Model) -> str:
        return ""

    def maps(self, model: Model, pictures: MaskedImages, labels: Integers) -> Floats:
        num, hidden = len(pictures), random_halves(self.num_masks)
        variants = pictures.masked(np.repeat(np.arange(num), len(hidden)), np.tile(hidden, (num, 1, 1)))
        probs = probs_of(model, variants)
        chosen = probs[np.arange(len(probs)), np.repeat(labels, len(hidden))].reshape(num, -1)
        covered = hidden.reshape(len(hidden), -1).astype(np.float64)
        with_place, without = ((chosen @ side) / side.sum(axis=0) for side in (1.0 - covered, covered))
        return np.asarray(with_place - without).reshape(num, CELLS, CELLS)


def random_halves(num: int) -> Booleans:
    """Masks of about half of the places, bool [mask, row, column], always the same; every second is the rest of the last."""
    drawn = generator_for(0, "rise").random((num // 2, CELLS, CELLS)) < 0.5
    return np.stack([drawn, ~drawn], axis=1).reshape(-1, CELLS, CELLS)
