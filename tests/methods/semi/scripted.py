"""Losses from numbers that a test writes down: a learner whose logits are its inputs, and batches of logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from headstart.core.types import UNLABELED
from headstart.training.batches import Batch


class Scripted(nn.Module):
    """Gives what it is given, as features and as logits."""

    def __init__(self, extra: nn.Module | None = None, head: nn.Module | None = None) -> None:
        super().__init__()
        self.extra = extra
        self.head = head or nn.Identity()

    def features(self, inputs: Tensor) -> Tensor:
        return inputs

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(inputs)
        return logits


def logits(*probs: list[float]) -> Tensor:
    """Logits [row, class], in float64, whose softmax are these probabilities."""
    return torch.tensor(probs, dtype=torch.float64).log()


def value(loss: Tensor) -> float:
    """The loss as a number."""
    return float(loss.detach())


def batch(train: Tensor, labels: list[int], *views: Tensor, rows: list[int] | None = None, also: Any = ()) -> dict[str, Batch]:
    """One step: labeled logits with their labels, and unlabeled ones in their views."""
    known = torch.tensor(labels)
    first, *others = views
    hidden = torch.full((len(first),), UNLABELED)
    places = torch.tensor(rows) if rows is not None else torch.arange(len(first))
    return {
        "train": Batch(train, known, torch.eye(train.shape[1], dtype=train.dtype)[known], torch.arange(len(known)), tuple(also)),
        "unlabeled": Batch(first, hidden, torch.zeros_like(first), places, tuple(others)),
    }
