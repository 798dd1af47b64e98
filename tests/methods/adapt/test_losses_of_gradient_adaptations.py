"""What each method minimizes, on features that a test writes down: which it takes, with which weight, and who is moved."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headstart.core.types import UNLABELED
from headstart.losses.class_confusion import class_confusion
from headstart.losses.information_maximization import information_maximization
from headstart.losses.joint_mmd import joint_mmd
from headstart.losses.mmd import mmd
from headstart.losses.share_divergence import share_divergence
from headstart.methods import method_from
from headstart.methods.adapt.dan import Dan
from headstart.methods.adapt.jan import Jan
from headstart.methods.adapt.mcc import Mcc
from headstart.methods.adapt.shot import Centroids, Shot
from headstart.training.batches import Batch

LABELS = torch.tensor([0, 1, 2, 1, 0])
SHARES = torch.tensor([0.4, 0.4, 0.2])


class Scripted(nn.Module):
    """Gives what it is given as features, and scores them with a linear head; what it gave stays to be looked at."""

    def __init__(self, extra: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.head = nn.Linear(4, 3)
        self.extra = extra
        self.register_buffer("class_shares", SHARES)

    def features(self, inputs: Tensor) -> Tensor:
        return inputs

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.head(inputs)
        return scores


@pytest.fixture
def source() -> Tensor:
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(2), requires_grad=True)


@pytest.fixture
def target() -> Tensor:
    return (torch.randn(7, 4, generator=torch.Generator().manual_seed(3)) + 0.5).requires_grad_()


@pytest.fixture
def batch(source: Tensor, target: Tensor) -> dict[str, Batch]:
    return {
        "train": Batch(source, LABELS, torch.eye(3)[LABELS], torch.arange(5)),
        "unlabeled": Batch(target, torch.full((7,), UNLABELED), torch.zeros(7, 3), torch.arange(7)),
    }


def is_near(loss: Tensor, expected: Tensor) -> bool:
    return float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


@pytest.mark.parametrize("kind", ["dan", "jan", "mcc"])
def test_the_term_for_diverse_predictions_is_there_on_request(kind: str, batch: Any, target: Tensor) -> None:
    learner = Scripted()
    asked: Any = method_from({"kind": kind, "diversity": 3})
    assert is_near(asked.losses(learner, batch, 0.5)["diversity"], 3 * share_divergence(learner(target), SHARES))
    assert "diversity" not in method_from({"kind": kind}).losses(learner, batch, 0.5)


def test_dan(batch: Any, source: Tensor, target: Tensor) -> None:
    learner = Scripted()
    losses = Dan(weight=2).losses(learner, batch, 0.0)
    assert is_near(losses["mmd"], 2 * mmd(source, target))
    assert is_near(losses["cross_entropy"], nn.functional.cross_entropy(learner(source), LABELS))


def test_jan(batch: Any, source: Tensor, target: Tensor) -> None:
    learner = Scripted()
    layers = [(features, learner(features).softmax(dim=1)) for features in (source, target)]
    assert is_near(Jan(weight=2).losses(learner, batch, 0.0)["joint_mmd"], 2 * joint_mmd(*layers))


def test_mcc(batch: Any, target: Tensor) -> None:
    learner = Scripted()
    losses = Mcc(weight=2, temperature=1.5).losses(learner, batch, 0.0)
    assert is_near(losses["confusion"], 2 * class_confusion(learner(target), 1.5))


def test_shot_trains_on_the_source_first_and_then_never_again(batch: Any, source: Tensor, target: Tensor) -> None:
    learner, method = Scripted(Centroids(0.9, 3, 4)), Shot(source_share=0.5, diversity=0.7, centroid_weight=2)
    assert list(method.losses(learner, batch, 0.49)) == ["cross_entropy"]
    losses = method.losses(learner, batch, 0.5)
    assert is_near(losses["information"], information_maximization(learner(target), 0.7))
    torch.stack(list(losses.values())).sum().backward()
    assert source.grad is None
    assert learner.head.weight.grad is None
    assert bool(target.grad.any())


def test_shot_s_centroids_correct_a_prediction_that_stands_among_another_class() -> None:
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.9, 0.0], [0.0, 1.0], [0.1, 1.0]])
    probs = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.2, 0.8]])
    centroids = Centroids(0.5, 2, 2)
    assert centroids(rows, probs).argmax(dim=1).tolist() == [0, 0, 0, 1, 1]
    # A batch without rows of a class still knows where it was.
    assert centroids(rows[:1], torch.tensor([[0.0, 1.0]])).tolist() == [[1.0, 0.0]]


def test_a_class_that_no_row_was_near_is_nobody_s() -> None:
    assert Centroids(0.5, 3, 2)(torch.eye(2), torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])).argmax(dim=1).tolist() == [1, 2]
