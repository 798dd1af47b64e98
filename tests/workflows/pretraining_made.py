"""What tests of pretraining share: pictures, short settings, and how a call ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from headstart.core.errors import HeadstartError

SHORT = {"training.epochs": 2, "training.batch_size": 16}

COUNTS = {"one": (1, 31), "seven": (7, 37), "zero": (0, 29)}


def picture(row: int) -> Image.Image:
    return Image.fromarray((load_digits().images[row] * (255 / 16)).astype(np.uint8))


def refused(error: type[HeadstartError], call: Callable[[], Any]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def killed(*_: Any) -> None:
    raise KeyboardInterrupt
