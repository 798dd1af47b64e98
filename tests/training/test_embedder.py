from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder, check_batch, perceptron
from headstart.training.settings import Training
from headstart.training.teacher import Teacher


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("small_cnn", "none", 8, seed=1)


def batch_of(count: int) -> Batch:
    first, second = torch.rand(2, count, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    nothing = torch.full((count,), -1)
    return Batch(first, nothing, torch.zeros(count, 0), torch.arange(count), (second,))


def test_views_are_projected_apart_in_evaluation_and_share_statistics_in_training(backbone: Backbone) -> None:
    learner, batch = Embedder(backbone, nn.Linear(backbone.feature_width, 5)).eval(), batch_of(7)
    with torch.no_grad():
        first, second = learner.of_views(batch)
        torch.testing.assert_close(first, learner(batch.images))
        torch.testing.assert_close(second, learner(batch.also[0]))
        learner.train()
        together = torch.cat(learner.of_views(batch))
        torch.testing.assert_close(together, learner(torch.cat([batch.images, batch.also[0]])))
        assert not torch.allclose(together[:7], learner(batch.images), atol=1e-3)


def test_other_weights_make_other_projections_without_gradients(backbone: Backbone) -> None:
    learner, batch = Embedder(backbone, nn.Linear(backbone.feature_width, 5)).eval(), batch_of(7)
    teacher = Teacher(learner)
    before = [view.detach() for view in learner.of_views(batch)]
    with torch.no_grad():
        learner.projector.weight.add_(1.0)
    for old, of_teacher, new in zip(before, learner.of_views(batch, teacher), learner.of_views(batch), strict=True):
        torch.testing.assert_close(of_teacher, old)
        assert not of_teacher.requires_grad
        assert new.requires_grad
        assert not torch.allclose(new, old)


@pytest.mark.parametrize(("weights", "moves"), [("none", True), ("pretrained", False), ("own.pth", False)])
def test_statistics_of_given_weights_stay_and_the_projector_s_always_move(backbone: Backbone, weights: str, moves: bool) -> None:
    backbone.weights = weights
    learner = Embedder(backbone, perceptron(backbone.feature_width, 7, 5)).train()
    statistics = {name: tensor.clone() for name, tensor in learner.state_dict().items() if name.endswith("running_mean")}
    learner(torch.rand(11, 3, 8, 8))
    moved = {
        name: not torch.equal(tensor, statistics[name]) for name, tensor in learner.state_dict().items() if name in statistics
    }
    assert moved.pop("projector.1.running_mean")
    assert set(moved.values()) == {moves}


def test_every_weight_but_the_network_s_own_classifier_is_trained_once(backbone: Backbone) -> None:
    learner = Embedder(backbone, perceptron(backbone.feature_width, 7, 5))
    learner.extra = nn.Linear(3, 2)
    groups = learner.rate_groups()
    assert [group.name for group in groups] == [*(name for name, _ in backbone.parameter_blocks()), "projector"]
    trained = [id(weight) for group in groups for weight in group.parameters]
    classifier = {id(weight) for weight in backbone.module.classifier.parameters()}
    assert len(trained) == len(set(trained))
    assert set(trained) == {id(weight) for weight in learner.parameters()} - classifier


def test_the_least_batch_holds_two() -> None:
    check_batch("sim_clr", Training(batch_size=2))
    with pytest.raises(PlanError) as caught:
        check_batch("sim_clr", Training(batch_size=1))
    assert str(caught.value) == (
        "sim_clr compares the pictures of a batch, and training.batch_size = 1 holds one. "
        "Set it to 2 or more; 256 suits most networks."
    )
