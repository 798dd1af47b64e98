from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, logits, value
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.methods.semi.auxiliary_balanced_classifier import AuxiliaryBalancedClassifier, SkewedHead, keep_probs_of
from headstart.training.settings import Training

TRAIN = logits([0.7, 0.2, 0.1], [0.1, 0.3, 0.6])
WEAK = logits([0.96, 0.03, 0.01], [0.01, 0.97, 0.02], [0.3, 0.5, 0.2])
STRONG = logits([0.3, 0.5, 0.2], [0.6, 0.2, 0.2], [0.25, 0.5, 0.25])


def same_head() -> nn.Linear:
    """Passes on what it is given."""
    head = nn.Linear(3, 3).double()
    with torch.no_grad():
        head.weight.copy_(torch.eye(3))
        head.bias.zero_()
    return head


def learner() -> Scripted:
    skewed = SkewedHead(same_head(), torch.tensor([20, 10, 5])).double()
    with torch.no_grad():
        skewed.head.weight.mul_(0.5)
    return Scripted(skewed, same_head())


@pytest.mark.parametrize(("counts", "rates"), [([20, 10, 5], [0.25, 0.5, 1]), ([7, 7, 7], [1, 1, 1]), ([6, 0, 3], [0.5, 1, 1])])
def test_rates_are_rows_of_the_rarest_class_over_those_of_each(counts: list[int], rates: list[float]) -> None:
    np.testing.assert_allclose(keep_probs_of(torch.tensor(counts)), rates)


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_rare_classes_weigh_more_for_the_deployed_head_alone(progress: float) -> None:
    losses = AuxiliaryBalancedClassifier(unlabeled_weight=2).losses(learner(), batch(TRAIN, [0, 2], WEAK, STRONG), progress)
    assert value(losses["cross_entropy"]) == pytest.approx(-(0.25 * math.log(0.7) + math.log(0.6)) / 2)
    first, second = 1 - progress * 0.75, 1 - progress * 0.5
    assert value(losses["balanced"]) == pytest.approx(2 * -(first * math.log(0.3) + second * math.log(0.2)) / 3)


def test_the_skewed_head_is_trained_as_fix_match_on_its_own_predictions() -> None:
    losses = AuxiliaryBalancedClassifier(unlabeled_weight=2, threshold=0.7).losses(
        learner(), batch(TRAIN, [0, 2], WEAK, STRONG), 1.0
    )
    # Half the logits are square roots of the probabilities.
    train, weak, strong = (np.sqrt(rows.exp().numpy()) for rows in (TRAIN, WEAK, STRONG))
    train, weak, strong = (rows / rows.sum(axis=1, keepdims=True) for rows in (train, weak, strong))
    assert (weak.max(axis=1) >= 0.7).tolist() == [True, True, False]
    assert value(losses["skewed_cross_entropy"]) == pytest.approx(-np.log([train[0, 0], train[1, 2]]).mean())
    assert value(losses["fix_match"]) == pytest.approx(2 * -np.log([strong[0, 0], strong[1, 1]]).sum() / 3)


def test_each_head_is_taught_by_its_own_sure_predictions() -> None:
    losses = AuxiliaryBalancedClassifier(threshold=0.9).losses(learner(), batch(TRAIN, [0, 2], WEAK, STRONG), 0.0)
    # The skewed head, at half the logits, is nowhere that sure.
    assert value(losses["fix_match"]) == 0
    assert value(losses["balanced"]) > 0


def test_it_starts_with_equal_heads_and_trains_both_and_deploys_the_balanced_one(squares: Task, pretrained: Backbone) -> None:
    method, training = AuxiliaryBalancedClassifier(), Training(epochs=1, batch_size=7)
    built = method._built(squares, pretrained, training)
    assert isinstance(built.extra, SkewedHead)
    assert torch.equal(built.extra.head.weight, built.head.weight)  # type: ignore[attr-defined]
    np.testing.assert_allclose(built.extra.keep_probs, [5 / 8, 5 / 6, 1])
    trained = {id(weight) for group in built.rate_groups() for weight in group.parameters}
    assert {id(weight) for weight in built.extra.head.parameters()} <= trained
    with torch.no_grad():
        built.head.weight.fill_(0.25)  # type: ignore[attr-defined]
    deployed = method.deploy(built, squares)
    assert set(np.unique(deployed.head.arrays()["weight"])) == {0.25}
