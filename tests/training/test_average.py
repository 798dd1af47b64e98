from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.training.average import WeightAverage


def _filled(value: float) -> nn.Linear:
    layer = nn.Linear(3, 2)
    nn.init.constant_(layer.weight, value)
    nn.init.constant_(layer.bias, value)
    return layer


def test_average_follows_its_formula() -> None:
    average = WeightAverage(_filled(1.0), decay=0.5)
    expected = 1.0
    for step, value in enumerate([3.0, -2.0, 7.0, 5.0, 11.0, 13.0, 17.0, 19.0, 23.0, 29.0]):
        average.update(_filled(value), step)
        kept = min(0.5, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * value
    target = _filled(0.0)
    average.write_to(target)
    assert float(target.weight.detach()[1, 2]) == pytest.approx(expected, rel=1e-6)


def test_statistics_are_averaged_and_counters_copied() -> None:
    norm = nn.BatchNorm1d(3)
    average = WeightAverage(norm, decay=0.9)
    norm(torch.full((5, 3), 4.0))
    average.update(norm, step=1000)
    assert float(average.state["running_mean"][0]) == pytest.approx(0.1 * 0.4)
    assert int(average.state["num_batches_tracked"]) == 1


def test_no_decay_keeps_the_latest_weights() -> None:
    average = WeightAverage(_filled(1.0), decay=0.0)
    latest = _filled(5.0)
    average.update(latest, 0)
    average.write_to(latest)
    assert float(latest.weight.detach()[0, 0]) == 5.0
