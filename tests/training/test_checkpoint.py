from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.optim import AdamW

from headstart.training.average import WeightAverage
from headstart.training.checkpoint import FILE, Counters, Trained, read_checkpoint, write_checkpoint


def _trained(steps: int) -> Trained:
    torch.manual_seed(0)
    learner = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
    trained = Trained(learner, AdamW(learner.parameters()), WeightAverage(learner, 0.9))
    for step in range(steps):
        trained.optimizer.zero_grad()
        learner(torch.randn(7, 3)).square().sum().backward()
        trained.optimizer.step()
        trained.average.update(learner, step)
    return trained


def test_reading_gives_back_every_tensor_and_count(tmp_path: Path) -> None:
    written = _trained(4)
    write_checkpoint(tmp_path, written, Counters(4, 1, 2.5, (0.5, 0.25)), "f")
    read = _trained(0)
    assert read_checkpoint(tmp_path, read, "f") == Counters(4, 1, 2.5, (0.5, 0.25))
    first, second = written.tensors(), read.tensors()
    assert first.keys() == second.keys()
    assert any(name.startswith("optimizer/") for name in first)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_checkpoint_of_another_fit_or_a_damaged_one_is_left_alone(tmp_path: Path) -> None:
    read = _trained(0)
    before = read.tensors()
    assert read_checkpoint(tmp_path, read, "f") is None
    write_checkpoint(tmp_path, _trained(4), Counters(4), "f")
    assert read_checkpoint(tmp_path, read, "g") is None
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: len(whole) // 2])
    assert read_checkpoint(tmp_path, read, "f") is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in read.tensors().items())
