from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.methods.finetune.l2_sp import L2Sp
from headstart.methods.model import Model
from headstart.training.learner import Classifier
from headstart.training.settings import Training

TRAINING = Training(epochs=3, batch_size=7, weight_decay=0.0)


def distance(pretrained: Backbone, model: Model) -> float:
    before, after = dict(pretrained.named_parameters()), dict(model.backbone.named_parameters())
    return sum(float((after[name] - tensor).detach().square().sum()) for name, tensor in before.items())


def test_the_penalty_is_that_of_the_body_from_its_start_and_of_the_head_from_zero(
    task: Task, pretrained: Backbone, first_batch: Callable
) -> None:
    method = L2Sp(alpha=0.6, beta=0.2, depth="all")
    learner = method._built(task, pretrained, TRAINING)
    batch = first_batch(method, task, learner)
    head = 0.1 * sum(float(part.detach().square().sum()) for part in learner.head.parameters())
    assert float(method.losses(learner, batch, 0.0)["l2_sp"].detach()) == pytest.approx(head, rel=1e-5)
    with torch.no_grad():
        for block in (0, 2):
            learner.backbone.module.get_submodule(f"blocks.{block}").convolution.weight.add_(0.01 * (block + 1))
    sizes = [pretrained.module.get_submodule(f"blocks.{block}").convolution.weight.numel() for block in (0, 2)]
    body = 0.3 * (sizes[0] * 0.01**2 + sizes[1] * 0.03**2)
    assert float(method.losses(learner, batch, 0.0)["l2_sp"].detach()) == pytest.approx(head + body, rel=1e-4)


def test_the_network_s_own_classifier_is_not_held(task: Task, pretrained: Backbone, first_batch: Callable) -> None:
    method = L2Sp(depth="all", alpha=1e3)
    learner = method._built(task, pretrained, TRAINING)
    batch = first_batch(method, task, learner)
    before = float(method.losses(learner, batch, 0.0)["l2_sp"].detach())
    with torch.no_grad():
        learner.backbone.module.get_submodule("classifier").weight.add_(1.0)
    assert float(method.losses(learner, batch, 0.0)["l2_sp"].detach()) == before


def test_frozen_stages_are_not_counted(task: Task, pretrained: Backbone, first_batch: Callable) -> None:
    method = L2Sp(depth="late", alpha=2.0, beta=0.0)
    learner: Classifier = method._built(task, pretrained, TRAINING)
    learner.freeze_up_to(method.stages(pretrained)[0])
    batch = first_batch(method, task, learner)
    with torch.no_grad():
        learner.backbone.module.get_submodule("blocks.0").convolution.weight.add_(1.0)
        learner.backbone.module.get_submodule("blocks.2").norm.weight.add_(0.5)
    assert float(method.losses(learner, batch, 0.0)["l2_sp"].detach()) == pytest.approx(128 * 0.25, rel=1e-5)


@pytest.mark.slow
def test_a_stronger_pull_keeps_weights_nearer_and_none_is_plain_fine_tuning(task: Task, pretrained: Backbone) -> None:
    fits = [L2Sp(alpha=alpha, beta=0.0, depth="all").fit(task, pretrained, TRAINING) for alpha in (0.0, 1.0, 30.0)]
    free, held, tight = (distance(pretrained, model) for model in fits)
    assert 0 < tight < held < free
    assert tight < free / 4
