"""The inner loop of gradient-based meta-learning: a few steps of gradient descent as a function that can be differentiated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from torch import Tensor
from torch.func import grad

Parameters: TypeAlias = dict[str, Tensor]


def descended(
    loss: Callable[[Parameters], Tensor],
    parameters: Parameters,
    learning_rates: Mapping[str, Tensor | float],
    num_steps: int,
    second_order: bool = True,
) -> Parameters:
    """The parameters after steps of plain gradient descent on those that have a rate; those given are not changed.

    Without `second_order` gradients of the result do not flow through the gradients taken here (first-order MAML). It is a pure
    function and works under `torch.func.vmap` and `torch.func.grad`.

    Reference: Finn, Abbeel & Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", ICML 2017, eq. 1 and
        section 5.2 (first order).
    """
    fixed = {name: value for name, value in parameters.items() if name not in learning_rates}
    moved = {name: parameters[name] for name in learning_rates}
    for _ in range(num_steps):
        slopes = grad(lambda moving: loss({**fixed, **moving}))(moved)
        if not second_order:
            slopes = {name: slope.detach() for name, slope in slopes.items()}
        moved = {name: value - learning_rates[name] * slopes[name] for name, value in moved.items()}
    return {**fixed, **moved}
