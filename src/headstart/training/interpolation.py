"""Interpolation: weights on the way from where a training began to where it ended, or the mean of several ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from headstart.core.types import Floats
from headstart.training.held_out import HeldOut
from headstart.training.learner import Classifier

State: TypeAlias = dict[str, Tensor]
"""A learner's tensors by name."""

SHARES = np.linspace(0.0, 1.0, 11).tolist()
"""Shares of the trained weights in the average with those at the beginning that are tried."""


def state_of(learner: Classifier) -> State:
    """A copy of a learner's weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}


def average(initial: State, state: State, share: float) -> State:
    """The weights at a share, in [0, 1], of the way from the beginning to the state; integers are the state's."""
    return {
        name: initial[name].lerp(tensor, share) if tensor.dtype.is_floating_point else tensor for name, tensor in state.items()
    }


def mean_of(states: Sequence[State]) -> State:
    """The mean of each weight over the states; integers are the first one's."""
    first = states[0]
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if tensor.dtype.is_floating_point else tensor
        for name, tensor in first.items()
    }


def best_share(learner: Classifier, initial: State, held_out: HeldOut) -> tuple[float, Floats]:
    """The share, of `SHARES`, of a learner's weights in their average with `initial` with the lowest loss on held-out rows.

    Also the calibrated log loss of each row at it, float64 [sample]. The learner's weights are as before afterwards.

    Reference: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022, eq. 1.
    Differs: the share is chosen on held-out rows, each share with its own temperature.
    """
    end = state_of(learner)
    found = []
    for share in SHARES:
        learner.load_state_dict(average(initial, end, share))
        found.append(held_out.losses())
    learner.load_state_dict(end)
    best = min(range(len(found)), key=lambda index: float(found[index].mean()))
    return SHARES[best], found[best]


def greedy_mean(learner: Classifier, states: Sequence[State], held_out: HeldOut) -> State:
    """The mean of those states that, taken in one after the other, the best first, do not raise the loss on held-out rows.

    The learner has the mean's weights afterwards. Its loss is no higher than that of any single state.

    Reference: Wortsman et al., "Model soups", ICML 2022, algorithm 1 (greedy soup).
    Differs: judged by calibrated log loss, which tells more than accuracy of few rows.
    """

    def loss_of(chosen: Sequence[State]) -> float:
        learner.load_state_dict(mean_of(chosen))
        return float(held_out.losses().mean())

    single = [loss_of([state]) for state in states]
    best, *others = sorted(range(len(states)), key=lambda index: single[index])
    chosen, lowest = [states[best]], single[best]
    for index in others:
        loss = loss_of([*chosen, states[index]])
        if loss <= lowest:
            chosen, lowest = [*chosen, states[index]], loss
    mean = mean_of(chosen)
    learner.load_state_dict(mean)
    return mean
