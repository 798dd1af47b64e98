"""Class presence: which classes of the source a target without labels shows, by a test of whether leaving others out helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.findings import Finding
from headstart.core.records import Record
from headstart.core.rows import unit_rows
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers
from headstart.data.task import Task
from headstart.features.representation import Blocks
from headstart.heads.class_statistics import one_hot
from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.heads.neighbor_graph import nearest
from headstart.methods import METHODS
from headstart.shift.label_shift import class_shares
from headstart.shift.moments import monge_transported
from headstart.shift.projected_domains import ProjectedDomains, SharedProjections
from headstart.training.settings import Training

MOST_ROWS = 1_000
"""Rows of each domain that are used, evenly spaced. Bounds the time; chosen, not measured."""
NUM_AXES = 64
"""Principal axes, as domains are compared along elsewhere."""
ROUNDS = 5
"""Rounds in which class weights and predictions are estimated in turn. Chosen, not measured."""
PREDICTOR = "domain_mean"
"""The method whose predictions say which classes are missing: with half of them missing its shares ranked these last best, with
an area under the ROC curve of 0.88 to 1.00 on four pairs of domains (of the linear Monge map 0.64 to 1.00)."""
LEAST_FRACTION = 0.5
"""A class is left out if its predicted share is below this fraction of what it would be if the target showed the kept classes in
the source's proportions. Midway between a class that is missing and one that is not; chosen, not measured."""
SMALLEST_WEIGHT = 1e-6
"""The smallest weight of a source row: ridge takes positive ones alone."""
LEAST_RATIO = 1.3
"""The least ratio of neighbor agreements after and before classes are weighted. On 20 draws of ten pairs of domains it was 0.92
to 1.13 with nothing missing, 1.05 to 1.27 with a fifth of the classes missing, and above 1.3 in 15 of 20 with half missing."""
LEVEL = 0.05
"""Level of the test that the ratio is larger: the usual one."""
DRAWS = 2_000
"""Of the bootstrap; the p-value is then known to about a tenth of the level."""
NUM_NEIGHBORS = 10
"""Nearest neighbors of a target row that are compared, as the validator of neighborhoods does."""
FEWEST_CLASSES = 4
"""With fewer classes nothing is left out: two at least have to stay, and half may be missing."""
MOST_NAMED = 5
"""Missing classes that the finding names."""
FEWEST_IMAGES = 50
"""Of either domain. Chosen, not measured."""


class ClassPresence(Record):
    """Which classes of the source the target shows, as far as a test can tell.

    Attributes:
        present: Classes that the target may show; all of the source's where the test finds none missing.
        missing: The others.
        before: Agreement of neighboring target rows above chance when the target is matched with all classes alike.
        after: The same with weighted classes.
        p_value: That `after` is at most `LEAST_RATIO` times `before`, by a bootstrap of target rows.
    """

    present: tuple[str, ...]
    missing: tuple[str, ...] = ()
    before: float = 0.0
    after: float = 0.0
    p_value: float = 1.0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The finding that names the missing classes; none where none is missing."""
        if not self.missing:
            return ()
        count, names = len(self.missing), ", ".join(self.missing[:MOST_NAMED])
        more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
        evidence = {
            "classes": list(self.missing),
            "agreement_before": round(self.before, 4),
            "agreement_after": round(self.after, 4),
            "p_value": self.p_value,
        }
        return (
            Finding(
                code="classes-missing-in-target",
                severity="warning",
                title=f"The target seems not to show some classes of the source: {names}{more}.",
                evidence=evidence,
                advice="If it does not, write the classes that it shows into the plan as source_classes, and fit the plan.",
            ),
        )


def classes_of_target(task: Task, backbone: Backbone) -> ClassPresence:
    """Which classes of the source an unlabeled target shows; classes that target labels show are kept.

    Source rows are weighted by class in rounds: their weighted mean and covariance are matched with the target's, a model of them
    predicts the target, and the classes' predicted shares over their source shares are the next weights. The target is partial if
    neighboring target rows then get the same class clearly more often: classes that it does not show have to be matched with
    images of others, which separates neighbors.

    Args:
        task: With a source and unlabeled target images.
        backbone: Frozen.

    Returns:
        All classes of the source where none is found missing, or where there are too few classes or images to tell.

    Reference: Cao, Ma, Long & Wang, "Partial Adversarial Domain Adaptation", ECCV 2018, eq. 3, for class weights from mean
        predictions on the target, divided by the largest.
    Differs: predicted classes are counted, relative to the source's shares; a linear Monge map takes the place of adversarial
        training; weights are tested first, as they harm where no class is missing, and classes are then left out as a whole.
    """
    shown = np.unique(task.source.labels) if task.source else np.empty(0, np.int64)
    fewest = min(len(task.source or ()), len(task.unlabeled or ()))
    if len(shown) < FEWEST_CLASSES or fewest < FEWEST_IMAGES or not task.source or not task.unlabeled:
        return ClassPresence(present=tuple(task.classes[label] for label in shown))
    nothing = task.train.take(np.empty(0, np.int64))
    source, target = task.source.spaced(MOST_ROWS), task.unlabeled.spaced(MOST_ROWS)
    some = replace(task, train=nothing, validation=None, source=source, unlabeled=target)
    blocks: Blocks = "penultimate" if task.source.images.embedded else "stages+pixels"
    shared = SharedProjections()
    domains = shared.domains(some, backbone, blocks, NUM_AXES, task.seed)
    before, after, p_value = agreement_gain(domains.target, *weighted_rounds(domains), task.seed)
    there = np.ones(task.num_classes, bool)
    if p_value <= LEVEL:
        model = METHODS.get(PREDICTOR)().fit_sharing(shared, some, backbone, Training(seed=task.seed))
        shares = [class_shares(labels, task.num_classes) for labels in (model.predict(target).predicted, source.labels)]
        there = shown_classes(*shares) | (task.labeled.class_counts > 0)
    present, missing = (tuple(task.classes[label] for label in shown if there[label] == one) for one in (True, False))
    return ClassPresence(present=present, missing=missing, before=before, after=after, p_value=p_value)


def weighted_rounds(domains: ProjectedDomains) -> tuple[Integers, Integers]:
    """Predicted target classes in the first round, of equal class weights, and in the last, int64 [target] each."""
    shares = class_shares(domains.source_labels, domains.num_classes)
    weights, rounds = np.ones(domains.num_classes), []
    for _ in range(ROUNDS):
        rounds.append(_predicted(domains, weights[domains.source_labels]))
        ratio = np.where(shares > 0, class_shares(rounds[-1], domains.num_classes) / np.maximum(shares, 1e-12), 0.0)
        weights = ratio / ratio.max()
    return rounds[0], rounds[-1]


def shown_classes(predicted: Floats, source: Floats) -> Booleans:
    """Whether the target shows each class, bool [class], by predicted shares and the source's shares, float64 [class] each.

    Classes are left out until all that are kept have `LEAST_FRACTION` of the share that the source's proportions give them.
    """
    present = source > 0
    while True:
        enough = present & (predicted >= LEAST_FRACTION * source / source[present].sum())
        if (enough == present).all() or enough.sum() < 2:
            return np.asarray(present)
        present = enough


def agreement_gain(target: Floats, first: Integers, last: Integers, seed: int) -> tuple[float, float, float]:
    """Neighbor agreement above chance of both predictions of target rows [target, axis], and the p-value of `ClassPresence`."""
    directions = unit_rows(target - target.mean(axis=0))
    index = nearest(directions, directions, NUM_NEIGHBORS, same=True).index
    drawn = generator_for(seed, "class presence").multinomial(len(target), np.full(len(target), 1.0 / len(target)), DRAWS)
    weights = np.concatenate([np.ones((1, len(target))), drawn]) / len(target)
    before, after = (_agreement(predicted, index, weights) for predicted in (first, last))
    exceeding = int((after[1:] <= LEAST_RATIO * before[1:]).sum())
    return float(before[0]), float(after[0]), (1 + exceeding) / (1 + DRAWS)


def _agreement(predicted: Integers, index: Integers, weights: Floats) -> Floats:
    """Chance-corrected share of neighbors with the same class by weighting of rows, float64 [draw]; 0 for a single class."""
    observed = weights @ (predicted[index] == predicted[:, None]).mean(axis=1)
    expected = ((weights @ one_hot(predicted, int(predicted.max()) + 1)) ** 2).sum(axis=1)
    return np.asarray(np.where(expected < 1.0, (observed - expected) / np.maximum(1.0 - expected, 1e-12), 0.0))


def _predicted(domains: ProjectedDomains, weights: Floats) -> Integers:
    """Classes of target rows by ridge on source rows with weights [source], moved by the linear Monge map; int64 [target]."""
    moved = monge_transported(domains.source, domains.target, weights)
    bounded, groups = np.maximum(weights / weights.mean(), SMALLEST_WEIGHT), domains.source_groups
    found = fit_kernel_ridge(moved, domains.source_labels, domains.num_classes, bounded, groups, domains.seed, domains.width)
    return np.asarray(found.scores(domains.target).argmax(axis=1), np.int64)
