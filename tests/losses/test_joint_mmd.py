from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.losses.joint_mmd import joint_mmd
from headstart.losses.mmd import gaussian_kernel, mmd


def rows(seed: int, number: int, width: int) -> torch.Tensor:
    return torch.randn(number, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_layer_is_mmd() -> None:
    source, target = rows(1, 7, 3), rows(2, 5, 3)
    assert float(joint_mmd([source], [target])) == pytest.approx(float(mmd(source, target)))


def test_it_equals_a_double_loop_over_products_of_kernels() -> None:
    source, target = (rows(1, 5, 3), rows(2, 5, 2)), (rows(3, 4, 3) + 1, rows(4, 4, 2))
    first, second = (gaussian_kernel(torch.cat(pair)).numpy() for pair in zip(source, target, strict=True))
    signs = np.array([1 / 5] * 5 + [-1 / 4] * 4)
    expected = sum(signs[i] * signs[j] * first[i, j] * second[i, j] for i in range(9) for j in range(9))
    assert float(joint_mmd(source, target)) == pytest.approx(expected)


def test_layers_that_go_together_otherwise_are_seen_where_each_alone_looks_the_same() -> None:
    features, labels = torch.tensor([[0.0], [1.0]] * 3), torch.tensor([[0.0], [1.0]] * 3)
    assert float(mmd(labels, 1 - labels)) == pytest.approx(0, abs=1e-6)
    assert float(joint_mmd([features, labels], [features, labels])) == pytest.approx(0, abs=1e-6)
    assert float(joint_mmd([features, labels], [features, 1 - labels])) > 0.1


def test_widths_are_given_layer_by_layer() -> None:
    source, target = (rows(1, 5, 3), rows(2, 5, 2)), (rows(3, 4, 3) + 1, rows(4, 4, 2))
    usual = (0.25, 0.5, 1.0, 2.0, 4.0)
    assert float(joint_mmd(source, target, [usual, usual])) == float(joint_mmd(source, target))
    assert float(joint_mmd(source, target, [usual, (1.0,)])) != float(joint_mmd(source, target))
