from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.methods.finetune.bi_tuning import BiTuning
from headstart.training.settings import Training

TRAINING = Training(epochs=3, batch_size=7)


def contrast_by_loops(queries: np.ndarray, keys: np.ndarray, same: np.ndarray, temperature: float) -> float:
    """Mean over queries of the mean over their positive keys of -log softmax."""
    losses = []
    for row, query in enumerate(queries):
        scores = keys @ query / temperature
        shares = scores - np.log(np.exp(scores).sum())
        if same[row].any():
            losses.append(-shares[same[row]].mean())
    return float(np.mean(losses))


def unit(rows: torch.Tensor) -> np.ndarray:
    return functional.normalize(rows.double()).numpy()


def test_both_contrasts_equal_loops_over_the_batch_and_the_queue(task: Task, pretrained: Backbone, first_batch: Callable) -> None:
    method = BiTuning(depth="all", temperature=0.3, projection_width=5, queue_length=4)
    learner = method._built(task, pretrained, TRAINING).eval()
    batch = first_batch(method, task, learner)
    method.losses(learner, batch, 0.0)  # fills the queues
    with torch.no_grad():
        learner.backbone.module.get_submodule("blocks.2").norm.weight.mul_(1.3)  # queries part from keys
        losses = {name: float(value) for name, value in method.losses(learner, batch, 0.0).items()}
        shown, contrast = batch["train"], learner.extra
        features, keys = learner.features(shown.images), contrast.teacher.features(learner, shown.also[0])
        ones = torch.ones(7, 1)
        labels = shown.labels.numpy()
        weights = torch.cat([learner.head.weight, learner.head.bias[:, None]], 1)[shown.labels]
        same = np.concatenate([labels, labels])[None] == labels[:, None]
        candidates = np.concatenate([unit(torch.cat([features, ones], 1)), unit(torch.cat([keys, ones], 1))])
        assert losses["classifier_contrast"] == pytest.approx(contrast_by_loops(unit(weights), candidates, same, 0.3), rel=1e-4)
        projected = unit(contrast.key_projector(keys))
        queries = unit(contrast.projector(features))
        expected = contrast_by_loops(queries, np.concatenate([projected, projected]), same, 0.3)
        assert losses["categorical_contrast"] == pytest.approx(expected, rel=1e-4)


def test_the_key_networks_follow_slowly(task: Task, pretrained: Backbone) -> None:
    method = BiTuning(momentum=0.75)
    learner = method._built(task, pretrained, TRAINING)
    contrast = learner.extra
    before = contrast.key_projector.weight.clone()
    teacher = contrast.teacher.weights()["head.weight"].clone()
    with torch.no_grad():
        contrast.projector.weight.add_(1.0)
        learner.head.weight.add_(2.0)
    method.after_step(learner, 1)
    torch.testing.assert_close(contrast.key_projector.weight, before + 0.25)
    torch.testing.assert_close(contrast.teacher.weights()["head.weight"], teacher + 0.5)


def test_gradients_reach_the_network_and_never_the_keys(task: Task, pretrained: Backbone, first_batch: Callable) -> None:
    method = BiTuning(depth="all")
    learner = method._built(task, pretrained, TRAINING)
    losses = method.losses(learner, first_batch(method, task, learner), 0.0)
    (losses["classifier_contrast"] + losses["categorical_contrast"]).backward()
    kernel = learner.backbone.module.get_submodule("blocks.0").convolution.weight
    assert float(kernel.grad.abs().sum()) > 0
    assert float(learner.extra.projector.weight.grad.abs().sum()) > 0
    assert all(weight.grad is None for weight in learner.extra.key_projector.parameters())


def test_a_blended_picture_counts_for_the_class_that_most_of_it_shows(
    task: Task, pretrained: Backbone, first_batch: Callable
) -> None:
    method = BiTuning(depth="all")
    learner = method._built(task, pretrained, TRAINING)
    shown = first_batch(method, task, learner)["train"]
    blended = 0.8 * shown.targets + 0.2 * shown.targets.roll(1, 0)
    method.losses(learner, {"train": replace(shown, targets=blended)}, 0.0)
    assert learner.extra.features.labels[:7].tolist() == shown.labels.tolist()


def test_the_queue_holds_so_many_keys_a_class(task: Task, pretrained: Backbone) -> None:
    contrast = BiTuning(queue_length=11, projection_width=6)._built(task, pretrained, TRAINING).extra
    assert contrast.features.keys.shape == (33, pretrained.feature_width + 1)
    assert contrast.projections.keys.shape == (33, 6)
