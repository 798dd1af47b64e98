from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods.finetune.delta import Delta, stage_attention
from headstart.methods.model import Model
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training
from headstart.training.stage_maps import watched_stages

TRAINING = Training(epochs=3, batch_size=7, weight_decay=0.0)


def test_at_the_beginning_behavior_is_the_source_s_and_the_head_alone_is_pulled(
    task: Task, pretrained: Backbone, first_batch: Callable
) -> None:
    method = Delta(depth="all", head_weight=0.4)
    learner = method._built(task, pretrained, TRAINING)
    losses = method.losses(learner, first_batch(method, task, learner), 0.0)
    assert float(losses["behavior"].detach()) == pytest.approx(0, abs=1e-9)
    assert float(losses["head_decay"].detach()) == pytest.approx(
        0.2 * sum(float(part.detach().square().sum()) for part in learner.head.parameters()), rel=1e-5
    )


def test_the_penalty_is_the_attended_distance_of_every_stage(task: Task, pretrained: Backbone, first_batch: Callable) -> None:
    method = Delta(depth="all", weight=3.0)
    learner = method._built(task, pretrained, TRAINING)
    batch = first_batch(method, task, learner)
    with torch.no_grad():
        with watched_stages(learner) as maps:
            learner(batch["train"].images)
        before = {name: seen.by_channel().clone() for name, seen in maps.items()}
        for block in (0, 2):
            learner.backbone.module.get_submodule(f"blocks.{block}").norm.weight.mul_(1.4)
        with watched_stages(learner) as maps:
            learner(batch["train"].images)
        after = {name: seen.by_channel().clone() for name, seen in maps.items()}
        found = float(method.losses(learner, batch, 0.0)["behavior"])
    assert len(before) == 3
    expected = 0.0
    for name in before:
        attention = learner.extra.attention(name)
        squares = (after[name] - before[name]).square().mean(dim=(0, 2))
        expected += 3.0 / 2 * len(attention) * float((attention * squares).sum())
    assert found == pytest.approx(expected, rel=1e-4)


def test_attention_is_the_softmax_of_what_removing_each_channel_costs(task: Task, pretrained: Backbone) -> None:
    learner = fitted_classifier(pretrained, task.train).eval()
    found = stage_attention(learner, task.train, seed=0)
    last = next(reversed(found))
    pixels = torch.from_numpy(learner.transform().decode(task.train.images, np.arange(29))).permute(0, 3, 1, 2)
    labels = torch.from_numpy(task.train.labels)
    with torch.no_grad():
        features = learner.features(pixels).double()
        weight, bias = learner.head.weight.double(), learner.head.bias.double()
        shown = features @ weight.T + bias
        slope = (torch.softmax(shown, 1) - functional.one_hot(labels, 3)) @ weight / 29
    rises = -(features * slope).sum(dim=0)  # the mean over places is linear, so the map's sum is the feature's
    torch.testing.assert_close(found[last].double(), torch.softmax(rises, 0), rtol=1e-3, atol=1e-7)
    assert [len(values) for values in found.values()] == [32, 64, 128]
    assert all(float(values.sum()) == pytest.approx(1, rel=1e-5) for values in found.values())


def moved(pretrained: Backbone, model: Model, task: Task) -> float:
    pixels = torch.from_numpy(pretrained.transform.decode(task.train.images, np.arange(29))).permute(0, 3, 1, 2)
    with torch.no_grad():
        stages = zip(model.backbone.describe(pixels).stages, pretrained.describe(pixels).stages, strict=True)
        return sum(float((now - then).square().mean()) for now, then in stages)


@pytest.mark.slow
def test_a_stronger_pull_keeps_what_stages_show(task: Task, pretrained: Backbone) -> None:
    fits = [Delta(depth="all", weight=weight).fit(task, pretrained, TRAINING) for weight in (0.0, 1e4)]
    free, held = (moved(pretrained, model, task) for model in fits)
    assert held < free / 3


def test_frozen_stages_are_not_compared(task: Task, pretrained: Backbone, first_batch: Callable) -> None:
    method = Delta(depth="late")
    learner = method._built(task, pretrained, TRAINING)
    learner.freeze_up_to(method.stages(pretrained)[0])
    batch = first_batch(method, task, learner)
    with watched_stages(learner) as maps:
        learner(batch["train"].images)
    assert list(maps) == ["penultimate"]
    assert float(method.losses(learner, batch, 0.0)["behavior"].detach()) == pytest.approx(0, abs=1e-9)


def test_a_network_without_stages_is_refused(task: Task, pretrained: Backbone) -> None:
    pretrained.anatomy = type(pretrained.anatomy)(**{**vars(pretrained.anatomy), "stages": ()})
    with pytest.raises(PlanError) as error:
        Delta().fit(task, pretrained, TRAINING)
    assert str(error.value) == "delta treats stages apart, and small_cnn has none. Choose another network, or fine_tune."
