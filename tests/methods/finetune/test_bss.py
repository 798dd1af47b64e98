from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods.finetune.bss import Bss
from headstart.training.settings import Training

TRAINING = Training(epochs=4, batch_size=7, weight_decay=0.0)


@pytest.mark.parametrize("num_smallest", [1, 3])
def test_the_penalty_is_that_of_the_batch_s_smallest_singular_values(
    task: Task, pretrained: Backbone, first_batch: Callable, num_smallest: int
) -> None:
    method = Bss(weight=0.5, num_smallest=num_smallest, view="plain", depth="all")
    learner = method._built(task, pretrained, TRAINING).eval()
    batch = first_batch(method, task, learner)
    found = float(method.losses(learner, batch, 0.0)["spectral_shrinkage"].detach())
    features = np.asarray(features_of(task.train, pretrained).penultimate)[batch["train"].rows.numpy()].astype(np.float64)
    eigenvalues = np.linalg.eigvalsh(features @ features.T)  # squared singular values, ascending
    assert found == pytest.approx(0.5 * eigenvalues[:num_smallest].sum(), rel=2e-2)


def smallest(pretrained: Backbone, task: Task, weight: float) -> float:
    model = Bss(weight=weight, num_smallest=4, depth="all", view="plain").fit(task, pretrained, TRAINING)
    features = np.asarray(features_of(task.train, model.backbone).penultimate, np.float64)
    values = np.linalg.svd(features, compute_uv=False)
    return float(values[-4:].sum() / values.sum())


@pytest.mark.slow
def test_the_weakest_directions_become_weaker(task: Task, pretrained: Backbone) -> None:
    assert smallest(pretrained, task, weight=30.0) < 0.9 * smallest(pretrained, task, weight=0.0)
