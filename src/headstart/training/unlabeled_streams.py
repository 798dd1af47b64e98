"""Pool: unlabeled pictures beside the labeled ones, as semi-supervised methods are fed them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.augmentation.views import ViewName, view_of
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier

BODY_SCALE = 0.5
STAGE_DECAY = 0.7
"""Step sizes below the head, as in `LpFt`: what semi-supervised methods are compared with."""
LEAST_STEPS = 16
"""An epoch's, as what is learned from unlabeled pictures takes steps, however few the labels: FreeMatch on digits with 50 labels
reaches 86.4 % in 63 steps and 90.3 % in 188 (EfficientNet-Lite0, one seed)."""


def streams_with_pool(
    task: Task,
    times: int,
    flip: bool,
    labeled: Sequence[ViewName] = ("weak",),
    unlabeled: Sequence[ViewName] = ("weak", "strong"),
) -> dict[str, Stream]:
    """The streams "train", of labeled pictures whose labels are not smoothed, and "unlabeled", of `times` as many rows a step.

    An epoch is that of the first one, and at least 16 steps. The first of `labeled` and `unlabeled` is the view that
    `Batch.images` shows, the others are `Batch.also`.
    """
    if task.unlabeled is None:
        raise AssertionError("check_needs comes first")
    view, *also = (view_of(name, task.native_pixels, flip) for name in labeled)
    pool_view, *pool_also = (view_of(name, task.native_pixels, flip) for name in unlabeled)
    return {
        "train": Stream(task.train, view, tuple(also), smooth=False, least_steps=LEAST_STEPS),
        "unlabeled": Stream(task.unlabeled, pool_view, tuple(pool_also), times),
    }


def learner_with_memory(backbone: Backbone, task: Task, memory: nn.Module | None = None) -> Classifier:
    """A classifier that starts from the ridge head, with what a method remembers between steps in its `extra`."""
    learner = fitted_classifier(backbone, task.train, BODY_SCALE, STAGE_DECAY)
    learner.extra = memory
    return learner


def scores_of(learner: Classifier, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Logits [batch, class] of several batches, in one pass."""
    return learner(torch.cat(inputs)).split([len(images) for images in inputs])  # type: ignore[no-any-return]


@torch.no_grad()
def fixed_scores(learner: Classifier, *inputs: Tensor) -> tuple[Tensor, ...]:
    """As `scores_of`, without gradients: what targets are made of."""
    return scores_of(learner, *inputs)


def scores_by_view(learner: Classifier, batch: dict[str, Batch]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [batch, class] of labeled pictures, of the first view of unlabeled ones, without gradient, and of their second view.

    The batch is of streams made by `streams_with_pool` with two views of unlabeled pictures.
    """
    pool = batch["unlabeled"]
    labeled, second = scores_of(learner, batch["train"].images, pool.also[0])
    (first,) = fixed_scores(learner, pool.images)
    return labeled, first, second
