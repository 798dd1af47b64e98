"""Resizing in NumPy gives the bytes that PyTorch gives, for all sizes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headstart.data.bicubic import resized_bicubic

SIDES = st.one_of(st.sampled_from([1, 2, 3, 16, 17, 31, 64, 160, 224]), st.integers(1, 300))
SHAPES = st.tuples(st.integers(1, 3), SIDES, SIDES, st.sampled_from([1, 3]))


def by_torch(pictures: np.ndarray, pixels: int) -> np.ndarray:
    planes = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(planes, (pixels, pixels), mode="bicubic", antialias=True)
    return resized.permute(0, 2, 3, 1).numpy()


@given(SHAPES, SIDES, st.integers(0, 2**32 - 1), st.booleans())
@example((1, 1, 1, 3), 224, 0, False)  # one pixel
@example((1, 7, 1, 1), 1, 0, False)
@example((2, 224, 100, 3), 224, 0, False)  # one side is right already
@example((2, 100, 224, 3), 224, 0, True)
@example((1, 160, 160, 3), 18, 0, False)
@example((1, 613, 997, 3), 31, 0, True)
@settings(deadline=None, max_examples=60)
def test_the_bytes_are_those_of_torch(shape, pixels, seed, extreme):
    pictures = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    if extreme:  # overshoots, which are clipped
        pictures = np.where(pictures < 128, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(resized_bicubic(pictures, pixels), by_torch(pictures, pixels))


def test_one_value_stays_it_and_a_ramp_stays_one():
    np.testing.assert_array_equal(resized_bicubic(np.full((1, 37, 11, 3), 201, np.uint8), 13), np.full((1, 13, 13, 3), 201))
    ramp = np.broadcast_to(np.arange(0, 240, 4, dtype=np.uint8)[:, None, None], (60, 60, 1))[None]
    column = resized_bicubic(np.ascontiguousarray(ramp), 20)[0, 3:-3, 0, 0].astype(int)
    np.testing.assert_array_equal(np.diff(column), 12)  # three places of four gray levels each


@pytest.mark.slow
def test_a_process_without_torch_resizes_without_it_and_alike():
    program = (
        "import sys, numpy as np\n"
        "from headstart.data.resizing import TORCH_REPAID_AFTER, prepare_resizing, resized_to_square\n"
        "pictures = np.random.default_rng(0).integers(0, 256, (2, 41, 67, 3), dtype=np.uint8)\n"
        "prepare_resizing(TORCH_REPAID_AFTER - 1)\n"
        "first = resized_to_square(pictures, 29)\n"
        "assert 'torch' not in sys.modules\n"
        "prepare_resizing(TORCH_REPAID_AFTER)\n"
        "assert 'torch' in sys.modules\n"
        "assert (first == resized_to_square(pictures, 29)).all()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
