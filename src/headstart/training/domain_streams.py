"""Domains: source and target as methods that train across them are fed them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from headstart.core.errors import PlanError
from headstart.data.augmentation.views import view_of
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.settings import Training

TARGET = "target"
"""The domain of labeled target rows, where they name none."""


def joined(task: Task) -> Task:
    """The task whose training rows are the source's and then the target's labeled ones, each with its domain.

    It has no source any more. A task without a source stays as it is.
    """
    if not task.source:
        return task
    source = _named(task.source, "source")
    train = concatenate(source, _named(task.train, TARGET)) if len(task.train) else source
    return replace(task, train=train, source=None)


def _named(images: ImageSet, domain: str) -> ImageSet:
    return images if images.domains else replace(images, domains=(domain,) * len(images))


def domains_of(task: Task) -> tuple[str, ...]:
    """The names of the domains that labeled rows are of, those with most rows first."""
    names, counts = np.unique(joined(task).train.domains, return_counts=True)
    return tuple(str(names[place]) for place in np.argsort(-counts, kind="stable"))


def streams_by_domain(task: Task, flip: bool) -> dict[str, Stream]:
    """A stream of labeled rows for each domain of a joined task, the largest first, so that an epoch shows every row.

    The streams are "domain 0", "domain 1" and so on, in the order of `domains_of`. Each gives a batch of its own to a step.
    """
    domains, view = np.array(task.train.domains), view_of("weak", task.native_pixels, flip)
    rows = [np.flatnonzero(domains == name) for name in domains_of(task)]
    return {f"domain {place}": Stream(task.train.take(own), view) for place, own in enumerate(rows)}


def features_by_domain(learner: Classifier, batch: dict[str, Batch]) -> tuple[Tensor, ...]:
    """Penultimate features [batch, feature] of every stream's pictures, in one pass."""
    pictures = [part.images for part in batch.values()]
    return torch.split(learner.features(torch.cat(pictures)), [len(images) for images in pictures])


def losses_by_domain(learner: Classifier, batch: dict[str, Batch]) -> Tensor:
    """The cross-entropy on every stream's pictures, float [domain]."""
    return torch.stack([soft_cross_entropy(scores, targets) for scores, targets in scores_by_domain(learner, batch)])


def scores_by_domain(learner: Classifier, batch: dict[str, Batch]) -> list[tuple[Tensor, Tensor]]:
    """Logits and targets [batch, class] of every stream's pictures."""
    features = features_by_domain(learner, batch)
    return [(learner.head(own), part.targets) for own, part in zip(features, batch.values(), strict=True)]


def check_rows_a_step(kind: str, training: Training) -> None:
    """Refuse batches of one row where a method takes statistics of a batch."""
    if training.batch_size < 2:
        raise PlanError(
            f"{kind} takes statistics of batches, and training.batch_size = 1 leaves none. Set it to 2 or more, better 32."
        )
