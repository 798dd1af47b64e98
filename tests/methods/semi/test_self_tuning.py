from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, value
from torch import nn

from headstart.data.task import Task
from headstart.methods.semi.self_tuning import Contrast, SelfTuning


def contrast(size: int = 4) -> Contrast:
    """Features are their own projections."""
    memory = Contrast(2, 2, size)
    with torch.no_grad():
        memory.projection.weight.copy_(torch.eye(2))
        memory.projection.bias.zero_()
    return memory


def test_a_feature_is_drawn_to_its_own_other_view_and_to_those_of_its_label() -> None:
    features = torch.tensor([[2.0, 0.0], [0.0, 3.0], [4.0, 0.0]])
    other = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    loss = contrast()(features, other, torch.tensor([0, 1, 0]), temperature=0.5)
    # Unit keys: right, up, up. Queries: right, up, right; positives {0, 2}, {1}, {0, 2}.
    right, up = math.log(math.exp(2) + 2), math.log(1 + 2 * math.exp(2))
    expected = [(right - 2 + right) / 2, up - 2, (right - 2 + right) / 2]
    assert value(loss) == pytest.approx(np.mean(expected), rel=1e-6)


def test_the_queue_s_keys_count_after_the_step_that_made_them() -> None:
    memory = contrast(size=2)
    memory(torch.eye(2), torch.eye(2), torch.tensor([0, 1]), 1.0)
    assert memory.queue.labels.tolist() == [0, 1]
    loss = memory(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([0]), 1.0)
    # Keys up (its own), right with its label, up with another.
    assert value(loss) == pytest.approx(math.log(math.e + 2) - 0.5, rel=1e-6)
    assert memory.queue.labels.tolist() == [0, 1]  # the oldest, of class 0, made room
    assert memory.queue.keys.tolist() == [[0, 1], [0, 1]]


def test_pseudo_labels_choose_partners_and_the_head_learns_from_true_labels_alone() -> None:
    head = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    learner = Scripted(contrast(), head)
    train, pool = torch.tensor([[2.0, 1.0]]), torch.tensor([[3.0, 0.0], [1.0, 4.0]])
    other = torch.tensor([[1.0, 1.0], [0.0, 2.0]])
    given = batch(train, [1], pool, other, also=(train,))
    losses = SelfTuning(unlabeled_weight=3, temperature=0.5).losses(learner, given, 0.0)
    assert value(losses["cross_entropy"]) == pytest.approx(math.log(1 + math.e), rel=1e-6)
    expected = contrast()(torch.cat([train, pool]), torch.cat([train, other]), torch.tensor([1, 0, 1]), 0.5)
    assert value(losses["contrast"]) == pytest.approx(3 * value(expected), rel=1e-6)
    losses["contrast"].backward()
    assert head.weight.grad is None
    assert learner.extra.projection.weight.grad is not None  # type: ignore[union-attr]


def test_every_picture_is_shown_weakly_and_strongly(squares: Task) -> None:
    for stream in SelfTuning().streams(squares).values():
        assert [view.name for view in (stream.view, *stream.also)] == ["weak", "strong"]
