from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.heads.source_classes import source_given_target
from headstart.methods.finetune.co_tuning import CoTuning
from headstart.training.settings import Training

TRAINING = Training(epochs=3, batch_size=7)


def test_the_source_head_is_trained_on_the_source_classes_of_each_label(
    task: Task, classifying: Backbone, first_batch: Callable
) -> None:
    method = CoTuning(weight=1.7, depth="all")
    learner = method._built(task, classifying, TRAINING).eval()
    batch = first_batch(method, task, learner)
    losses = {name: float(value.detach()) for name, value in method.losses(learner, batch, 0.0).items()}
    logits = np.asarray(features_of(task.train, classifying).source_logits)
    relation = source_given_target(logits, task.train.labels, 3)
    with torch.no_grad():
        shown = learner.backbone.module(learner.backbone.normalized(batch["train"].images)).numpy()
    soft = relation[batch["train"].labels.numpy()]
    expected = 1.7 * float(-(soft * log_softmax(shown.astype(np.float64), axis=1)).sum(axis=1).mean())
    assert set(losses) == {"cross_entropy", "source_cross_entropy"}
    assert losses["source_cross_entropy"] == pytest.approx(expected, rel=1e-3)


def test_the_relation_is_a_distribution_over_source_classes_and_kept_in_checkpoints(task: Task, classifying: Backbone) -> None:
    learner = CoTuning()._built(task, classifying, TRAINING)
    relation = learner.state_dict()["extra.relation"]
    assert relation.shape == (3, 2)
    torch.testing.assert_close(relation.sum(dim=1), torch.ones(3))
    assert float((relation[0] - relation[1]).abs().max()) > 1e-4


def test_mixed_labels_go_over_in_proportion(task: Task, classifying: Backbone, first_batch: Callable) -> None:
    method = CoTuning(depth="all")
    learner = method._built(task, classifying, TRAINING).eval()
    batch = first_batch(method, task, learner)["train"]

    def loss(targets: torch.Tensor) -> float:
        shown = {"train": batch.__class__(batch.images, batch.labels, targets, batch.rows)}
        return float(method.losses(learner, shown, 0.0)["source_cross_entropy"].detach())

    ends = [torch.eye(3)[[label] * 7] for label in (0, 2)]
    assert loss(0.25 * ends[0] + 0.75 * ends[1]) == pytest.approx(0.25 * loss(ends[0]) + 0.75 * loss(ends[1]), rel=1e-5)
