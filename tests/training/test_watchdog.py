from __future__ import annotations

import math

import numpy as np
import pytest

from headstart.training.settings import Training
from headstart.training.watchdog import BrokenDownError, Watchdog, chance_loss


def test_chance_is_the_entropy_of_the_class_shares() -> None:
    labels = np.array([0, 0, 0, 1, -1, -1])
    assert chance_loss(labels, 2, 0.0) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert chance_loss(np.arange(7), 7, 0.3) == pytest.approx(math.log(7))
    assert chance_loss(np.array([-1, -1]), 2, 0.0) is None


def test_the_best_constant_answer_scores_chance() -> None:
    labels, smoothing = np.array([0] * 5 + [1] * 3 + [2]), 0.2
    target = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
    best = target.mean(axis=0)
    assert chance_loss(labels, 3, smoothing) == pytest.approx(-(target * np.log(best)).sum(axis=1).mean())


def test_every_loss_must_be_finite() -> None:
    watchdog = Watchdog(Training(), 100, 1000, None)
    with pytest.raises(BrokenDownError) as caught:
        watchdog.see(4, {"cross_entropy": 1.0, "distance": math.inf})
    assert str(caught.value) == "loss became inf at step 5 of 100 (cross_entropy=1, distance=inf)"


def test_chance_is_judged_once_after_the_warmup() -> None:
    watchdog = Watchdog(Training(warmup=0.1, batch_size=10), 1000, 700, chance=1.0)
    for step in range(169):
        watchdog.see(step, {"cross_entropy": 5.0 if step < 130 else 1.0})
    with pytest.raises(BrokenDownError):
        watchdog.see(169, {"cross_entropy": 1.0})
    watchdog.see(170, {"cross_entropy": 1.0})


def test_a_loss_below_chance_passes() -> None:
    watchdog = Watchdog(Training(warmup=0.1), 1000, 32, chance=1.0)
    for step in range(1000):
        watchdog.see(step, {"cross_entropy": 0.99})
