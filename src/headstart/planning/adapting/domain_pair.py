"""Scene: source and target rows as everyone sees them who judges candidates."""

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
from headstart.shift.projected_domains import ProjectedDomains, projected_domains
from headstart.shift.shared_mixture import fit_shared_mixture
from headstart.shift.tests.shift_kind import ShiftKind, rotated_source, shift_kind
from headstart.shift.tests.weighted_discrepancy import weighted_discrepancy
from headstart.training.settings import Training

MOST_ROWS = 2_000
"""Rows of each domain that are looked at, evenly spaced: gaps and neighborhoods are known to a hundredth from so many."""
NUM_AXES = 64
LARGEST_WEIGHT = 20.0
LEAST_EFFECTIVE = 100
"""Rows that must carry the weight: with fewer, weights that fit are easily found and tell little."""
LARGEST_GAP = 2.0
"""Times what chance would leave: weights are estimates, and leave more than the right ones would (0.5 to 1.6 under covariate
shift, 6 and more between pictures)."""
FEW_AXES = 16
"""To which weights are believed: along more, no row is near another, and what tells two domains apart tells little of density."""


@dataclass(frozen=True)
class DomainPair:
    """What candidates are judged on; no target label is in it.

    Attributes:
        task: The task with its target rows unlabeled, all of them.
        source: Source rows that are looked at.
        target: Target rows that are looked at: all labeled ones, then others.
        source_rows: Where the former lie, float64 [source, axis].
        target_rows: Where the latter lie, float64 [target, axis].
        turned_rows: The source's rows turned or mirrored as one, where that explains the target and nothing simpler does.
        held_labels: Of source rows that the unadapted model was not fitted on, int64 [held].
        held_probs: What it says of them, float64 [held, class].
        reweighted: Classes of target rows by a mixture with components common to both domains, where weighted source rows
            explain the target, int64 [target]; None where they do not.
        shift: What changed from source to target.
    """

    task: Task
    source: ImageSet
    target: ImageSet
    source_rows: Floats = field(repr=False)
    target_rows: Floats = field(repr=False)
    turned_rows: Floats | None = field(repr=False)
    held_labels: Integers = field(repr=False)
    held_probs: Floats = field(repr=False)
    reweighted: Integers | None = field(repr=False)
    shift: ShiftKind

    @property
    def source_shares(self) -> Floats:
        """The share of each class in the source, float64 [class]."""
        counts = np.bincount(self.source.labels, minlength=self.task.num_classes)
        return np.asarray(counts / counts.sum())


def check_adaptable(task: Task) -> ImageSet:
    """The source, where the task can be adapted to at all.

    Args:
        task: The task.

    Returns:
        Its source.

    Raises:
        DataError: There is no source, the source shows one class only, or there are fewer than two target images.
    """
    source = task.source
    if not source:
        raise DataError(f"{task.name} has no source to adapt from. Name one with --source.")
    if len(np.unique(source.labels)) < 2:
        only = task.classes[int(source.labels[0])]
        raise DataError(
            f'The source shows the class "{only}" alone, and nothing can be told from one class. Name another source.'
        )
    num = len(task.labeled) + (len(task.unlabeled) if task.unlabeled else 0)
    if num < 2:
        raise DataError(f"{task.name} has {num} target images, and adapting needs two or more. Add a folder unlabeled/.")
    return source


def without_labels(task: Task) -> Task:
    """The task with labeled target rows among the unlabeled ones, and no label left on them."""
    labeled = task.labeled
    if not len(labeled):
        return task
    pool = (concatenate(labeled, task.unlabeled) if task.unlabeled else labeled).without_labels()
    return replace(task, train=labeled.take(np.empty(0, np.int64)), validation=None, unlabeled=pool)


def domain_pair_of(task: Task, backbone: Backbone, seed: int) -> DomainPair:
    """Look at both domains.

    Args:
        task: With a source and target images.
        backbone: What looks at them.
        seed: Of folds, features and draws.

    Returns:
        The scene.

    Raises:
        DataError: The task cannot be adapted to, or features are not finite numbers.
    """
    source, bare = check_adaptable(task), without_labels(task)
    assert bare.unlabeled is not None
    here, there = _spaced(source), _spaced(bare.unlabeled, len(task.labeled)).without_labels()
    few = replace(bare, source=here, unlabeled=there)
    blocks: Blocks = "penultimate" if here.images.embedded else "stages+pixels"
    seen = projected_domains(few, backbone, blocks, NUM_AXES, seed)
    weights = _target_weights(seen.source, seen.target, seed)
    folds = inner_folds(here.labels, here.groups, seed)
    fit, held = (folds[0].fit, folds[0].held) if folds else (np.arange(len(here)), np.arange(len(here)))
    part = replace(few, source=here.take(fit))
    shift = shift_kind(seen.source, here.labels, seen.target, task.num_classes, seed)
    unadapted = METHODS.get(UNADAPTED)().fit(part, backbone, Training(seed=seed))
    return DomainPair(
        task=bare,
        source=here,
        target=there,
        source_rows=seen.source,
        target_rows=seen.target,
        turned_rows=rotated_source(seen.source, seen.target, seed) if shift.kind == "turned" else None,
        held_labels=here.labels[held],
        held_probs=unadapted.predict(here.take(held)).probs,
        reweighted=_reweighted(seen, weights),
        shift=shift,
    )


def sampled_rows(num: int) -> Integers:
    """Which of so many rows are looked at: all, or `MOST_ROWS` of them, evenly spaced."""
    return evenly_spaced(num, MOST_ROWS)


def _spaced(images: ImageSet, first: int = 0) -> ImageSet:
    """All of the first rows, and those of the others that are looked at."""
    return images.take(np.concatenate([np.arange(first), first + sampled_rows(len(images) - first)]))


def _target_weights(source: Floats, target: Floats, seed: int) -> Floats:
    """How much likelier each source row is in the target, by a classifier that tells the domains apart; cut at 20.

    Reference: Bickel, Brueckner & Scheffer, "Discriminative Learning Under Covariate Shift", JMLR 2009, section 4.
    """
    both = np.concatenate([source, target])
    domain = np.repeat(np.arange(2), [len(source), len(target)])
    ridge = fit_kernel_ridge(both, domain, 2, seed=seed)
    probs = softmax(ridge.scores(source) / ridge.fit.temperature, axis=1)
    return np.asarray(np.minimum(probs[:, 1] / np.maximum(probs[:, 0], 1e-12), LARGEST_WEIGHT))


def _reweighted(seen: ProjectedDomains, weights: Floats) -> Integers | None:
    """What a mixture with components common to both domains says, where weighted source rows pass for the target.

    Weights explain the target where things of each class look alike in both domains; the mixture assumes no more than that.
    """
    if seen.source.shape[1] > FEW_AXES or not weights.any():
        return None
    gap = weighted_discrepancy(seen.source, seen.target, weights, seen.seed)
    if gap.ratio > LARGEST_GAP or gap.num_effective < LEAST_EFFECTIVE:
        return None
    unknown = np.full(len(seen.target), UNLABELED, np.int64)
    found = fit_shared_mixture(seen.source, seen.source_labels, seen.target, unknown, seen.num_classes, seen.seed)
    return np.asarray(found.target_probs.argmax(axis=1), np.int64)
