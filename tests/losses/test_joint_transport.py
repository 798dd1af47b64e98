from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from headstart.losses.distances import squared_distances
from headstart.losses.joint_transport import joint_cost, optimal_coupling

SIZES = [(5, 5), (6, 3), (2, 8), (7, 5)]


def cost_of(source: int, target: int) -> torch.Tensor:
    return torch.rand(source, target, generator=torch.Generator().manual_seed(source), dtype=torch.float64)


def test_cost_by_hand() -> None:
    source, target = torch.tensor([[0.0, 1.0]]), torch.tensor([[3.0, 5.0], [0.0, 2.0]])
    logits = torch.tensor([[0.2, 0.8], [0.5, 0.5]]).log()
    cost = joint_cost(squared_distances(source, target), torch.tensor([[1.0, 0.0]]), logits, 0.1, 2.0)
    torch.testing.assert_close(cost, torch.tensor([[2.5 - 2 * np.log(0.2), 0.1 - 2 * np.log(0.5)]], dtype=torch.float32))


def test_the_coupling_by_hand() -> None:
    cost = torch.tensor([[0.0, 5.0, 1.0], [4.0, 0.0, 0.0]])
    # Half of the mass a row, a third a column: the first row gives a sixth to the third column.
    torch.testing.assert_close(optimal_coupling(cost), torch.tensor([[1 / 3, 0.0, 1 / 6], [0.0, 1 / 3, 1 / 6]]))


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_its_margins_are_uniform_and_its_cost_is_that_of_a_linear_program(source: int, target: int) -> None:
    cost = cost_of(source, target)
    coupling = optimal_coupling(cost)
    torch.testing.assert_close(coupling.sum(dim=1), torch.full((source,), 1 / source, dtype=torch.float64))
    torch.testing.assert_close(coupling.sum(dim=0), torch.full((target,), 1 / target, dtype=torch.float64))
    rows, columns = np.kron(np.eye(source), np.ones(target)), np.kron(np.ones(source), np.eye(target))
    margins = np.concatenate([np.full(source, 1 / source), np.full(target, 1 / target)])
    found = linprog(cost.numpy().ravel(), A_eq=np.concatenate([rows, columns]), b_eq=margins)
    assert float((coupling * cost).sum()) == pytest.approx(found.fun)


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_its_cost_is_that_of_pot(source: int, target: int) -> None:
    ot = pytest.importorskip("ot")
    cost = cost_of(source, target)
    expected = ot.emd2(np.full(source, 1 / source), np.full(target, 1 / target), cost.numpy())
    assert float((optimal_coupling(cost) * cost).sum()) == pytest.approx(expected)


def test_the_coupling_carries_no_gradient_and_the_cost_does() -> None:
    source, target = torch.randn(3, 2, requires_grad=True), torch.randn(3, 2, requires_grad=True)
    cost = joint_cost(squared_distances(source, target), torch.eye(2)[[0, 1, 1]], target, 1.0, 1.0)
    coupling = optimal_coupling(cost)
    assert not coupling.requires_grad
    (coupling * cost).sum().backward()
    assert bool(source.grad.any())
    assert bool(target.grad.isfinite().all())
