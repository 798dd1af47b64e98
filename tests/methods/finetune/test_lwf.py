from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from headstart.backbones.backbone import Backbone
from headstart.backbones.source_head import source_head_of
from headstart.data.task import Task
from headstart.methods.finetune.lwf import Lwf
from headstart.methods.model import Model
from headstart.training.settings import Training

TRAINING = Training(epochs=3, batch_size=7, weight_decay=0.0)


def source_logits(backbone: Backbone, images: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return backbone.eval().module(backbone.normalized(images)).numpy().astype(np.float64)


def test_at_the_beginning_nothing_is_forgotten_yet(task: Task, classifying: Backbone, first_batch: Callable) -> None:
    method = Lwf(depth="all", weight=7.0)
    learner = method._built(task, classifying, TRAINING)
    losses = method.losses(learner.train(), first_batch(method, task, learner), 0.0)
    assert set(losses) == {"cross_entropy", "distillation"}
    assert abs(float(losses["distillation"].detach())) < 1e-5


def test_what_is_held_on_to_is_what_the_network_said_as_it_came(task: Task, classifying: Backbone, first_batch: Callable) -> None:
    method = Lwf(depth="all", weight=3.0, temperature=2.0)
    learner = method._built(task, classifying, TRAINING).eval()
    batch = first_batch(method, task, learner)
    with torch.no_grad():
        learner.backbone.module.get_submodule("blocks.2").convolution.weight.mul_(1.7)
        learner.extra.head.bias.add_(torch.tensor([0.4, -0.1]))  # type: ignore[union-attr]
    found = float(method.losses(learner, batch, 0.0)["distillation"].detach())
    before = source_logits(classifying, batch["train"].images)
    after = source_logits(learner.backbone, batch["train"].images) + np.array([0.4, -0.1])
    rows = softmax(before / 2, axis=1) * (log_softmax(before / 2, axis=1) - log_softmax(after / 2, axis=1))
    assert found == pytest.approx(3.0 * 4 * rows.sum(axis=1).mean(), rel=1e-3)
    assert found > 1e-3


def drift(classifying: Backbone, model: Model, task: Task) -> float:
    """How far the deployed network's own classifier is from the one that came."""
    images = torch.from_numpy(classifying.transform.decode(task.train.images, np.arange(29))).permute(0, 3, 1, 2)
    before, after = source_logits(classifying, images), source_logits(model.backbone, images)
    return float(np.abs(softmax(before, axis=1) - softmax(after, axis=1)).mean())


@pytest.mark.slow
def test_what_is_deployed_can_still_do_the_source_task(task: Task, classifying: Backbone, tmp_path) -> None:
    training = Training(epochs=5, batch_size=7, lr=1e-2, weight_decay=0.0)
    fits = [Lwf(depth="all", weight=weight).fit(task, classifying, training) for weight in (0.0, 30.0)]
    assert all(model.backbone.source_classes for model in fits)
    free, held = (drift(classifying, model, task) for model in fits)
    assert held < free / 2
    head = source_head_of(fits[1].backbone)
    own = source_head_of(classifying)
    assert not torch.equal(head.weight, own.weight)  # trained along
    fits[1].save(tmp_path)
    assert Model.load(tmp_path).backbone.source_classes
