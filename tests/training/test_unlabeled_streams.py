from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.backbones.loading import load_backbone
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.unlabeled_streams import (
    BODY_SCALE,
    STAGE_DECAY,
    fixed_scores,
    learner_with_memory,
    scores_by_view,
    scores_of,
    streams_with_pool,
)

IMAGES = torch.rand(7, 3, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def task(pictures: ImageSet) -> Task:
    pool = replace(pictures.take(np.arange(11)), hidden_labels=np.full(11, UNLABELED, np.int64))
    return Task("kinds", pictures.classes, pictures, unlabeled=pool, native_pixels=8, channels=1)


def test_views_come_in_the_order_asked_for(task: Task) -> None:
    streams = streams_with_pool(task, 3, False, labeled=("strong", "weak"), unlabeled=("weak", "plain", "strong"))
    assert {name: [view.name for view in (stream.view, *stream.also)] for name, stream in streams.items()} == {
        "train": ["strong", "weak"],
        "unlabeled": ["weak", "plain", "strong"],
    }
    assert [stream.times for stream in streams.values()] == [1, 3]
    assert not any(view.flip for stream in streams.values() for view in (stream.view, *stream.also))


def test_views_are_made_for_the_pictures_own_size_and_mirror_if_asked(task: Task) -> None:
    small, large = (streams_with_pool(replace(task, native_pixels=side), 1, True) for side in (32, 33))
    assert small["train"].view.turn_degrees == 10
    assert large["train"].view.turn_degrees == 0
    assert all(stream.view.flip and stream.also[0].flip for stream in (small["unlabeled"], large["unlabeled"]))


def test_scores_are_those_of_one_pass_each_in_its_place(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    first, second = scores_of(learner, IMAGES[:2], IMAGES[2:])
    torch.testing.assert_close(torch.cat([first, second]), learner(IMAGES))
    assert (len(first), len(second), first.requires_grad) == (2, 5, True)
    assert not any(scores.requires_grad for scores in fixed_scores(learner, IMAGES[:2], IMAGES[2:]))


def test_first_views_are_scored_without_and_second_ones_with_gradients(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    labels = torch.tensor([0, 1])
    batch = {
        "train": Batch(IMAGES[:2], labels, torch.eye(3)[labels], torch.arange(2)),
        "unlabeled": Batch(IMAGES[2:4], -labels, torch.zeros(2, 3), torch.arange(2), (IMAGES[4:6],)),
    }
    labeled, first, second = scores_by_view(learner, batch)
    for found, images in zip((labeled, first, second), (IMAGES[:2], IMAGES[2:4], IMAGES[4:6]), strict=True):
        torch.testing.assert_close(found, learner(images))
    assert [scores.requires_grad for scores in (labeled, first, second)] == [True, False, True]


def test_what_a_method_remembers_is_in_the_learner_s_state(task: Task) -> None:
    backbone = load_backbone("small_cnn", "none", 8, seed=1)
    backbone.weights = "pretrained"
    memory = nn.BatchNorm1d(3, affine=False)
    learner = learner_with_memory(backbone, task, memory)
    assert learner.extra is memory
    assert "extra.running_mean" in learner.state_dict()
    assert (learner.body_scale, learner.stage_decay, learner.frozen_statistics) == (BODY_SCALE, STAGE_DECAY, True)
    assert learner_with_memory(backbone, task).extra is None
