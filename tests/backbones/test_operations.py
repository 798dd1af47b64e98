"""Operations are counted as they can be derived by hand, and give the same seconds each time."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from headstart.backbones.loading import load_backbone
from headstart.backbones.operations import (
    BYTES_RATE,
    CALL_SECONDS,
    FULL_RATE,
    HALF_RATE,
    Operations,
    counted,
    seconds_of_extraction,
    seconds_of_reading,
)
from headstart.backbones.programs import Describe


def test_a_product_of_matrices_is_counted() -> None:
    with counted() as found:
        torch.ones(3, 5) @ torch.ones(5, 7)
    assert (found.full, found.half) == (3 * 5 * 7, 0)
    assert found.num_bytes >= 4 * 3 * 7


def test_a_depthwise_convolution_and_its_gradients_are_counted_as_such() -> None:
    images = torch.ones(2, 6, 5, 5, requires_grad=True)
    weight = torch.ones(6, 1, 3, 3, requires_grad=True)
    with counted() as forward:
        made = functional.conv2d(images, weight, padding=1, groups=6)
    with counted() as backward:
        made.sum().backward()
    assert forward.full == 2 * 6 * 25 * 9
    assert backward.full == 2 * forward.full


def test_half_precision_is_counted_apart() -> None:
    with counted() as found:
        torch.ones(3, 5, dtype=torch.bfloat16) @ torch.ones(5, 7, dtype=torch.bfloat16)
    assert (found.full, found.half) == (0, 105)


def test_seconds_are_the_sum_of_what_each_takes() -> None:
    found = Operations(full=FULL_RATE, half=2 * HALF_RATE, num_bytes=3 * BYTES_RATE, calls=4 / CALL_SECONDS)
    assert found.seconds == pytest.approx(10)


def test_a_larger_side_takes_longer_to_read_and_to_extract() -> None:
    small, large = (load_backbone("small_cnn", "none", pixels) for pixels in (16, 48))
    assert seconds_of_reading(large.transform) == 9 * seconds_of_reading(small.transform)
    one, two = (seconds_of_extraction(Describe(each), each.transform) for each in (small, large))
    assert two > 4 * one > 0
    assert one == seconds_of_extraction(Describe(small), small.transform)


def test_counting_leaves_the_result_as_it_is() -> None:
    layer, rows = nn.Linear(4, 3), torch.randn(5, 4)
    with counted():
        inside = layer(rows)
    assert torch.equal(inside, layer(rows))
