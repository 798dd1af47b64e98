from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import functional_call, vmap

from headstart.training.inner_loop import descended
from headstart.training.meta_training import meta_trained

PARAMETERS = 20


def task_losses(seed: int = 0) -> tuple:
    """Support and query loss of a small network with 20 parameters, float64."""
    draw = torch.Generator().manual_seed(seed)
    support, query = (torch.randn(7, 3, generator=draw, dtype=torch.float64) for _ in range(2))

    def output(parameters: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        return torch.tanh(rows @ parameters["first"]) @ parameters["second"]

    def loss(parameters: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        return ((output(parameters, rows) - rows.sum(dim=1, keepdim=True).sin()) ** 2).mean()

    first = torch.randn(3, 5, generator=draw, dtype=torch.float64)
    second = torch.randn(5, 1, generator=draw, dtype=torch.float64)
    return {"first": first, "second": second}, lambda p: loss(p, support), lambda p: loss(p, query)


def meta_gradient(rate: float, num_steps: int, second_order: bool = True) -> np.ndarray:
    start, inner, outer = task_losses()
    parameters = {name: value.clone().requires_grad_() for name, value in start.items()}
    rates = dict.fromkeys(parameters, rate)
    outer(descended(inner, parameters, rates, num_steps, second_order)).backward()
    return np.concatenate([value.grad.numpy().ravel() for value in parameters.values()])


def test_one_step_by_hand() -> None:
    found = descended(lambda p: (p["a"] ** 2).sum() * p["b"], {"a": torch.tensor([3.0]), "b": torch.tensor(2.0)}, {"a": 0.1}, 2)
    assert float(found["a"]) == pytest.approx(3 * (1 - 0.4) ** 2)
    assert float(found["b"]) == 2


@pytest.mark.parametrize("num_steps", [1, 3])
def test_the_gradient_of_maml_is_that_of_finite_differences(num_steps: int) -> None:
    start, inner, outer = task_losses()
    flat = np.concatenate([value.numpy().ravel() for value in start.values()])
    assert len(flat) == PARAMETERS

    def value(point: np.ndarray) -> float:
        moved = {"first": torch.from_numpy(point[:15].reshape(3, 5)), "second": torch.from_numpy(point[15:].reshape(5, 1))}
        return float(outer(descended(inner, moved, dict.fromkeys(moved, 0.1), num_steps)))

    steps = 1e-6 * np.eye(PARAMETERS)
    differences = np.array([(value(flat + step) - value(flat - step)) / 2e-6 for step in steps])
    np.testing.assert_allclose(meta_gradient(0.1, num_steps), differences, atol=1e-4 * np.abs(differences).max())
    assert np.abs(meta_gradient(0.1, num_steps, second_order=False) - differences).max() > 1e-2 * np.abs(differences).max()


def test_first_order_equals_second_order_at_a_step_of_zero() -> None:
    np.testing.assert_array_equal(meta_gradient(0.0, 3), meta_gradient(0.0, 3, second_order=False))


def test_it_is_a_pure_function() -> None:
    start, inner, _ = task_losses()
    before = {name: value.clone() for name, value in start.items()}
    descended(inner, start, dict.fromkeys(start, 0.5), 2)
    assert all(torch.equal(start[name], value) for name, value in before.items())


class Sinusoids:
    """y = a sin(x + b), Finn et al., ICML 2017, section 5.1: amplitudes 0.1 to 5, phases 0 to pi, x in [-5, 5]."""

    def __init__(self) -> None:
        self.network = torch.nn.Sequential(
            torch.nn.Linear(1, 40), torch.nn.Tanh(), torch.nn.Linear(40, 40), torch.nn.Tanh(), torch.nn.Linear(40, 1)
        )

    def tasks(self, number: int, num_rows: int, draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        amplitude = 0.1 + 4.9 * torch.rand(number, 1, 1, generator=draw)
        phase = torch.pi * torch.rand(number, 1, 1, generator=draw)
        x = 10 * torch.rand(number, num_rows, 1, generator=draw) - 5
        return x, amplitude * torch.sin(x + phase)

    def loss(self, parameters: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return ((functional_call(self.network, parameters, (x,)) - y) ** 2).mean()

    def after(
        self, parameters: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor, shots: int, steps: int
    ) -> torch.Tensor:
        """The mean squared error on rows behind the first `shots`, after steps on those."""

        def one(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            inner = descended(lambda p: self.loss(p, x[:shots], y[:shots]), parameters, dict.fromkeys(parameters, 0.05), steps)
            return self.loss(inner, x[shots:], y[shots:])

        return vmap(one)(x, y).mean()


@pytest.mark.slow
def test_maml_learns_sinusoids_from_five_points() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        problem = Sinusoids()
    start = {name: value.detach() for name, value in problem.network.named_parameters()}
    draw = torch.Generator().manual_seed(1)
    parameters = {name: value.clone().requires_grad_() for name, value in start.items()}
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-2)
    for _ in range(600):
        optimizer.zero_grad()
        problem.after(parameters, *problem.tasks(25, 15, draw), shots=5, steps=1).backward()
        optimizer.step()
    x, y = problem.tasks(200, 55, torch.Generator().manual_seed(2))
    learned, untaught = (float(problem.after(where, x, y, shots=5, steps=5).detach()) for where in (parameters, start))
    assert learned < untaught / 5


def test_meta_training_without_a_step_gives_the_start() -> None:
    start = {"a": torch.tensor([1.0, 2.0])}
    found = meta_trained(lambda p, _: p["a"].sum(), start, torch.zeros(1, 1), lambda step: None, 0, 0.1)
    assert torch.equal(found["a"], start["a"])
