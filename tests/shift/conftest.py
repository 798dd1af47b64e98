"""Two domains that differ by a planted affine map."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

WIDTH = 16


class Planted(NamedTuple):
    """Rows of a source and of a target, and their classes."""

    source: np.ndarray
    labels: np.ndarray
    target: np.ndarray
    target_labels: np.ndarray


@pytest.fixture(scope="session")
def planted() -> Planted:
    """Five Gaussian classes, and the same after an affine map that is symmetric and positive."""
    draw = np.random.default_rng(11)
    means = draw.normal(size=(5, WIDTH)) * 2.0
    rotation = np.linalg.qr(draw.normal(size=(WIDTH, WIDTH)))[0]
    matrix = (rotation * draw.uniform(0.3, 3.0, WIDTH)) @ rotation.T
    shift = draw.normal(size=WIDTH) * 9.0
    labels, others = (
        draw.permutation(np.repeat(np.arange(5), counts)) for counts in ([151, 97, 131, 83, 113], [131, 89, 113, 71, 101])
    )
    source, target = (means[one] + draw.normal(size=(len(one), WIDTH)) for one in (labels, others))
    return Planted(source, labels, target @ matrix + shift, others)
