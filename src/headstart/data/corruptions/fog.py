"""Fog: fog before the picture."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, clouds


class Fog(Corruption):
    """A random field is added, and the sum is scaled to the picture's brightest value. A level is the amount of fog, and how
    fast the field's amplitudes fall.

    Differs: see `clouds`; decays of the paper, which are factors a halving, are turned into powers.
    """

    title: ClassVar[str] = "Fog"
    family: ClassVar[Family] = "weather"
    levels: ClassVar[tuple[Any, ...]] = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        amount, wobble = level
        most = max(float(picture.max()), 1e-6)
        field = clouds(picture.shape[0], picture.shape[1], 1 + np.log2(wobble), generator)[:, :, None]
        return np.asarray((picture + amount * field) * most / (most + amount))
