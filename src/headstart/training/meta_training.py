"""Meta-training on cached features: batches of episodes, one outer step each, seconds instead of hours."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from headstart.core.errors import TrainingError
from headstart.training.episodes import Episodes

Parameters: TypeAlias = dict[str, Tensor]
"""What is meta-learned, by name."""


@dataclass(frozen=True)
class EpisodeRows:
    """A batch of episodes as rows.

    Attributes:
        support: float [episode, shot row, feature].
        targets: float [episode, shot row, way], one-hot.
        query: float [episode, query row, feature].
        query_labels: int64 [query row].
    """

    support: Tensor
    targets: Tensor
    query: Tensor
    query_labels: Tensor

    @classmethod
    def of(cls, rows: Tensor, episodes: Episodes) -> EpisodeRows:
        """The rows that episodes name."""
        ways = functional.one_hot(torch.from_numpy(episodes.support_labels), episodes.ways).to(rows.dtype)
        return cls(
            rows[torch.from_numpy(episodes.support)],
            ways.expand(len(episodes), -1, -1),
            rows[torch.from_numpy(episodes.query)],
            torch.from_numpy(episodes.query_labels),
        )


def meta_trained(
    objective: Callable[[Parameters, EpisodeRows], Tensor],
    parameters: Parameters,
    rows: Tensor,
    draw: Callable[[int], Episodes],
    num_steps: int,
    lr: float,
) -> Parameters:
    """The parameters after steps of Adam on batches of episodes, the step size falling to zero along a cosine.

    Those given are not changed. `draw` gives the batch of a step, counted from 0, which indexes `rows` [sample, feature].
    `TrainingError` when the objective is not finite.
    """
    trained = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
    optimizer = torch.optim.Adam(trained.values(), lr=lr)
    for step in range(num_steps):
        optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / num_steps)) / 2
        loss = objective(trained, EpisodeRows.of(rows, draw(step)))
        if not torch.isfinite(loss.detach()):
            raise TrainingError(f"The loss became {float(loss.detach())} at step {step} of {num_steps}. Lower lr (now {lr:g}).")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return {name: value.detach() for name, value in trained.items()}
