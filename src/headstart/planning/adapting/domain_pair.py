"""Domain pair: the source and target rows, in one feature space, on which candidates are compared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import softmax

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.spacing import evenly_spaced
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.representation import Blocks
from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.heads.out_of_fold import inner_folds
from headstart.methods import METHODS
from headstart.planning.adapting.adaptation import UNADAPTED
from headstart.shift.label_shift import class_shares
from headstart.shift.projected_domains import ProjectedDomains, projected_domains
from headstart.shift.shared_mixture import fit_shared_mixture
from headstart.shift.tests.label_or_feature_shift import ShiftKind, rotated_source, shift_kind
from headstart.shift.tests.weighted_discrepancy import weighted_discrepancy
from headstart.training.settings import Training

MOST_ROWS = 2_000
"""The largest number of rows of each domain, evenly spaced; a share of so many has a standard error of at most 0.011."""
NUM_AXES = 64
"""Principal axes along which pictures are compared. Chosen, not measured."""
LARGEST_WEIGHT = 20.0
"""The largest weight of a source row; weights are cut there so that few rows cannot carry all of it. Chosen, not measured."""
LEAST_EFFECTIVE = 100
"""The least effective number of weighted source rows: with fewer, weights that fit are easily found. Chosen, not measured."""
LARGEST_DISCREPANCY_RATIO = 2.0
"""The largest discrepancy of weighted source rows, as a multiple of what chance leaves, for which weights explain the target.
Weights are estimates, and leave more than the right ones would: 0.5 to 1.6 under covariate shift, 6 and more between pictures."""
MOST_WEIGHTED_AXES = 16
"""The largest number of axes along which source rows are weighted: along more, no row is near another, and a classifier
of the domains estimates no densities. Chosen, not measured."""


@dataclass(frozen=True)
class DomainPair:
    """The rows that candidates are compared on; no target label is in it.

    Attributes:
        task: The task with its target rows unlabeled, all of them.
        source: The source images that are used.
        target: The target images that are used: all labeled ones, then others.
        source_rows: Features of the former, float64 [source, axis].
        target_rows: Features of the latter, float64 [target, axis].
        rotated_rows: The source rows after the rotation or reflection that explains the target; None for other kinds of shift.
        held_out_labels: Of source rows that the unadapted model was not fitted on, int64 [held-out row].
        held_out_probs: The unadapted model's probabilities of them, float64 [held-out row, class].
        reweighted: Classes of target rows by a mixture with components common to both domains, where weighted source rows
            explain the target, int64 [target]; None where they do not.
        shift: What changed from source to target.
    """

    task: Task
    source: ImageSet
    target: ImageSet
    source_rows: Floats = field(repr=False)
    target_rows: Floats = field(repr=False)
    rotated_rows: Floats | None = field(repr=False)
    held_out_labels: Integers = field(repr=False)
    held_out_probs: Floats = field(repr=False)
    reweighted: Integers | None = field(repr=False)
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
    shift = shift_kind(domains.source, source.labels, domains.target, task.num_classes, seed)
    unadapted = METHODS.get(UNADAPTED)().fit(replace(sampled, source=source.take(fit)), backbone, Training(seed=seed))
    return DomainPair(
        task=bare,
        source=source,
        target=target,
        source_rows=domains.source,
        target_rows=domains.target,
        rotated_rows=rotated_source(domains.source, domains.target, seed) if shift.kind == "rotated" else None,
        held_out_labels=source.labels[held_out],
        held_out_probs=unadapted.predict(source.take(held_out)).probs,
        reweighted=_reweighted(domains),
        shift=shift,
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


def _target_weights(source: Floats, target: Floats, seed: int) -> Floats:
    """How much likelier each source row is in the target, at most 20, by a classifier of the domains.

    Reference: Bickel, Brueckner & Scheffer, "Discriminative Learning Under Covariate Shift", JMLR 2009, section 4.
    """
    both = np.concatenate([source, target])
    domain = np.repeat(np.arange(2), [len(source), len(target)])
    ridge = fit_kernel_ridge(both, domain, 2, seed=seed)
    probs = softmax(ridge.scores(source) / ridge.fit.temperature, axis=1)
    return np.asarray(np.minimum(probs[:, 1] / np.maximum(probs[:, 0], 1e-12), LARGEST_WEIGHT))


def _reweighted(domains: ProjectedDomains) -> Integers | None:
    """Target classes by a mixture common to both domains, where weighted source rows cannot be distinguished from the target.

    Weights explain the target where each class looks alike in both domains; the mixture assumes no more than that.
    """
    if domains.source.shape[1] > MOST_WEIGHTED_AXES:
        return None
    weights = _target_weights(domains.source, domains.target, domains.seed)
    if not weights.any():
        return None
    found = weighted_discrepancy(domains.source, domains.target, weights, domains.seed)
    if found.ratio > LARGEST_DISCREPANCY_RATIO or found.num_effective < LEAST_EFFECTIVE:
        return None
    unknown = np.full(len(domains.target), UNLABELED, np.int64)
    mixture = fit_shared_mixture(
        domains.source, domains.source_labels, domains.target, unknown, domains.num_classes, domains.seed
    )
    return np.asarray(mixture.target_probs.argmax(axis=1), np.int64)
