"""Array and tensor aliases; axis names are the same words all over the project."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating]
"""Real numbers of any float width; the docstring names the axes."""

Integers: TypeAlias = NDArray[np.int64]
"""Counts, indices and labels."""

Bytes: TypeAlias = NDArray[np.uint8]
"""Pixels: [sample, height, width, channel], RGB, 0 to 255."""

Booleans: TypeAlias = NDArray[np.bool_]
"""Masks."""

UNLABELED = -1
"""The label of a row whose label is unknown or hidden."""

TestTime: TypeAlias = Literal["batch_norm", "tent"]
"""How a finished model is adapted to the pictures to predict; see `headstart.methods.test_time`."""
