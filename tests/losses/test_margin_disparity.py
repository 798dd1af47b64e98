from __future__ import annotations

import math

import pytest
import torch

from headstart.losses.margin_disparity import margin_disparity


def logits(*probs: list[float]) -> torch.Tensor:
    return torch.tensor(probs, dtype=torch.float64).log()


SOURCE, SOURCE_RIVAL = logits([0.7, 0.2, 0.1], [0.1, 0.3, 0.6]), logits([0.5, 0.3, 0.2], [0.25, 0.5, 0.25])
TARGET, TARGET_RIVAL = logits([0.1, 0.8, 0.1]), logits([0.2, 0.4, 0.4])


def test_by_hand() -> None:
    expected = 4 * -(math.log(0.5) + math.log(0.25)) / 2 - math.log(1 - 0.4)
    assert float(margin_disparity(SOURCE, SOURCE_RIVAL, TARGET, TARGET_RIVAL, 4.0)) == pytest.approx(expected)


def test_it_falls_when_the_rival_leaves_target_rows_and_when_it_follows_source_rows() -> None:
    now = float(margin_disparity(SOURCE, SOURCE_RIVAL, TARGET, TARGET_RIVAL, 2.0))
    assert float(margin_disparity(SOURCE, SOURCE, TARGET, TARGET_RIVAL, 2.0)) < now
    assert float(margin_disparity(SOURCE, SOURCE_RIVAL, TARGET, -TARGET, 2.0)) < now


def test_a_rival_that_is_sure_of_the_same_stays_finite() -> None:
    sure = torch.tensor([[100.0, 0.0]], requires_grad=True)
    loss = margin_disparity(sure, sure, sure, sure, 4.0)
    loss.backward()
    assert bool(loss.isfinite())
    assert bool(sure.grad.isfinite().all())


def test_the_first_classifier_gets_no_gradient() -> None:
    first, rival = SOURCE.clone().requires_grad_(), SOURCE_RIVAL.clone().requires_grad_()
    margin_disparity(first, rival, TARGET, TARGET_RIVAL, 1.0).backward()
    assert first.grad is None
    assert rival.grad is not None
