"""What tests of several families of gradient methods share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.core.rows import linear_scores
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods import METHODS
from headstart.methods.base import GradientMethod
from headstart.methods.model import Model
from headstart.training import loop
from headstart.training.batches import Batches
from headstart.training.settings import Training


class KilledError(Exception):
    """Stands for a kill."""


def kinds_of(family: str) -> list[str]:
    """The gradient methods of a folder."""
    found = METHODS.all().items()
    return [kind for kind, one in found if one.reads_training() and one.__module__.startswith(f"headstart.methods.{family}.")]


def weights_of(model: Model) -> dict[str, torch.Tensor]:
    head = {name: torch.from_numpy(np.asarray(array)) for name, array in model.head.arrays().items()}
    return head | model.backbone.module.state_dict()


def assert_equal(first: Model, second: Model) -> None:
    one, other = weights_of(first), weights_of(second)
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def assert_starts_as_ridge(method: GradientMethod, task: Task, backbone: Backbone, training: Training) -> None:
    """Before the first step it predicts what ridge on the rows with labels predicts; the task's sources are joined."""
    learner: Any = method._built(task, backbone, training)
    features = np.asarray(features_of(task.train, backbone).penultimate)
    fit = fit_ridge(features, task.train.labels, 3, groups=task.train.groups)
    expected = linear_scores(features, fit.weight, fit.bias) / fit.temperature
    with torch.no_grad():
        np.testing.assert_allclose(learner.head(torch.tensor(np.asarray(features, np.float32))), expected, atol=1e-3)


def assert_cut_at_its_depth(method: GradientMethod, task: Task, backbone: Backbone, training: Training) -> None:
    """The learner is cut behind one stage, and batches of every stream hold activations."""
    (stage,) = method.stages(backbone)
    learner: Any = method._built(task, backbone, training)
    boundary = learner.freeze_up_to(stage)
    for name, stream in method.streams(task).items():
        made = Batches(name, stream, learner.transform(), training, None, boundary).at(0, torch.device("cpu"))
        assert made.images.shape == (training.batch_size * stream.times, *boundary.shape)
        assert [images.shape for images in made.also] == [made.images.shape] * len(stream.also)


def assert_resumes(
    method: GradientMethod,
    task: Task,
    backbone: Backbone,
    training: Training,
    folder: Path,
    patch: pytest.MonkeyPatch,
    kills: tuple[int, ...],
) -> None:
    """A fit that is killed at those calls of `losses` ends with the weights of one that was not, and does no step twice."""
    patch.setattr(loop, "CHECKPOINT_PAUSE", 0.0)
    whole, calls, killed = type(method).losses, [0], ()

    def killing(self: Any, learner: Any, given: Any, progress: float) -> Any:
        calls[0] += 1
        if calls[0] in killed:
            raise KilledError
        return whole(self, learner, given, progress)

    patch.setattr(type(method), "losses", killing)
    undisturbed = method.fit(task, backbone, training)
    steps, calls[0], killed = calls[0], 0, kills
    for _ in kills:
        with pytest.raises(KilledError):
            method.fit(task, backbone, training, folder)
    resumed = method.fit(task, backbone, training, folder)
    assert calls[0] == steps + len(kills)
    assert_equal(resumed, undisturbed)
