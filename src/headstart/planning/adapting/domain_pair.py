"""Domain pair: the source and target rows, in one feature space, on which candidates are compared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.representation import Blocks
from headstart.heads.out_of_fold import inner_folds
from headstart.methods import METHODS
from headstart.planning.adapting.adaptation import UNADAPTED
from headstart.planning.adapting.shift_kind import FEWEST_TARGET, LARGEST_P_VALUE, ShiftKind
from headstart.shift.label_shift import class_shares
from headstart.shift.projected_domains import projected_domains
from headstart.shift.tests.same_distribution import same_distribution
from headstart.training.settings import Training

MOST_ROWS = 2_000
"""The largest number of rows of each domain, evenly spaced; a share of so many has a standard error of at most 0.011."""
NUM_AXES = 64
"""Principal axes along which pictures are compared. Chosen, not measured."""


@dataclass(frozen=True)
class DomainPair:
    """The rows that candidates are compared on; no target label is in it.

    Attributes:
        task: The task with its target rows unlabeled, all of them.
        source: The source images that are used.
        target: The target images that are used: all labeled ones, then others.
        source_rows: Features of the former, float64 [source, axis].
        target_rows: Features of the latter, float64 [target, axis].
        held_out_labels: Of source rows that the unadapted model was not fitted on, int64 [held-out row].
        held_out_probs: The unadapted model's probabilities of them, float64 [held-out row, class].
        shift: Whether the domains differ; "unknown" where they do, as what changed is found by candidates.
    """

    task: Task
    source: ImageSet
    target: ImageSet
    source_rows: Floats = field(repr=False)
    target_rows: Floats = field(repr=False)
    held_out_labels: Integers = field(repr=False)
    held_out_probs: Floats = field(repr=False)
    shift: ShiftKind

    @property
    def source_shares(self) -> Floats:
        """The share of each class in the source, float64 [class]."""
        return class_shares(self.source.labels, self.task.num_classes)


def check_adaptable(task: Task) -> None:
    """`DataError` if there is no source, the source has one class only, or there are fewer than two target images."""
    source = task.source
    if not source:
        raise DataError(f"{task.name} has no source to adapt from. Name one with --source.")
    if len(np.unique(source.labels)) < 2:
        only = task.classes[int(source.labels[0])]
        raise DataError(f'The source shows the class "{only}" alone, and a classifier needs two classes. Name another source.')
    num = len(task.labeled) + (len(task.unlabeled) if task.unlabeled else 0)
    if num < 2:
        raise DataError(f"{task.name} has {num} target images, and adapting needs two or more. Add a folder unlabeled/.")


def domain_pair_of(task: Task, backbone: Backbone) -> DomainPair:
    """The domain pair of a task; `DataError` if it cannot be adapted to, or if features are not finite numbers."""
    check_adaptable(task)
    bare, seed = _without_labels(task), task.seed
    assert bare.source is not None
    assert bare.unlabeled is not None
    source, target = _sampled(bare.source), _sampled(bare.unlabeled, len(task.labeled)).without_labels()
    sampled = replace(bare, source=source, unlabeled=target)
    blocks: Blocks = "penultimate" if source.images.embedded else "stages+pixels"
    domains = projected_domains(sampled, backbone, blocks, NUM_AXES, seed)
    folds = inner_folds(source.labels, source.groups, seed)
    fit, held_out = (folds[0].fit, folds[0].held_out) if folds else (np.arange(len(source)), np.arange(len(source)))
    unadapted = METHODS.get(UNADAPTED)().fit(replace(sampled, source=source.take(fit)), backbone, Training(seed=seed))
    return DomainPair(
        task=bare,
        source=source,
        target=target,
        source_rows=domains.source,
        target_rows=domains.target,
        held_out_labels=source.labels[held_out],
        held_out_probs=unadapted.predict(source.take(held_out)).probs,
        shift=_shift_of(domains.source, domains.target, seed),
    )


def sampled_rows(num: int) -> Integers:
    """Which of so many rows are used: all, or `MOST_ROWS` of them, evenly spaced."""
    return evenly_spaced(num, MOST_ROWS)


def _sampled(images: ImageSet, first: int = 0) -> ImageSet:
    """All of the first rows, and the sampled ones of the others."""
    return images.take(np.concatenate([np.arange(first), first + sampled_rows(len(images) - first)]))


def _without_labels(task: Task) -> Task:
    """The task with its labeled target rows before the unlabeled ones, their labels removed."""
    labeled = task.labeled
    if not len(labeled):
        return task
    pool = (concatenate(labeled, task.unlabeled) if task.unlabeled else labeled).without_labels()
    return replace(task, train=labeled.take(np.empty(0, np.int64)), validation=None, unlabeled=pool)


def _shift_of(source: Floats, target: Floats, seed: int) -> ShiftKind:
    p_value = same_distribution(source, target, seed)
    if len(target) < FEWEST_TARGET:
        return ShiftKind(kind="few", p_value=p_value)
    return ShiftKind(kind="none" if p_value >= LARGEST_P_VALUE else "unknown", p_value=p_value)
