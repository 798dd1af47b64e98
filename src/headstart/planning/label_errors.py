"""Labels of a task that look wrong: all labels assessed by predictions without them, and what leaving suspects out brings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.special import softmax

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import packaged
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.findings import Finding, NotApplicable
from headstart.core.predictions import Predictions, joined
from headstart.core.spacing import evenly_spaced
from headstart.core.types import UNLABELED, Booleans, Floats, Integers
from headstart.data.addresses import is_address
from headstart.data.duplicates import duplicate_groups
from headstart.data.scan import scan
from headstart.data.task import Task
from headstart.evaluation.compare import compare
from headstart.evaluation.label_error_report import MANIFEST, GainWithoutSuspects, LabelErrors, SuspectLabel, share_assessed
from headstart.evaluation.label_errors import LEVEL, AssessedLabels, assess_labels
from headstart.features.extract import features_of, num_missing
from headstart.features.representation import Representation
from headstart.heads.class_statistics import has_mates
from headstart.heads.neighbor_probs import neighbor_probs
from headstart.heads.principal_components import principal_components
from headstart.heads.ridge_leave_one_out import fit_ridge

LEAST_LABELS = 20
"""Fewer labels tell neither which share is wrong nor how sure predictions are. Chosen, not measured."""
FEWEST_SUSPECTS = 12
"""Labels that are listed where fewer are flagged: as many as the report shows."""
MOST_ASSESSED = 20_000
"""Labels that are assessed, evenly spaced: bounds the memory, and the time for the neighbors. Chosen, not measured."""
JUDGE_NOTHING = (
    "They judge nothing either: read the accuracy as that on images with labels in no doubt, or correct the labels instead."
)
LEFT_OUT = "label-errors-left-out"
"""Code of the finding that says how many labels were left out of a task."""
WIDTH = 512
"""Principal components in which it is tested whether leaving suspects out helps, by several fits a fold. Chosen, not measured."""


@dataclass(frozen=True)
class AssessedTask:
    """The assessed labels of a task.

    Attributes:
        task: Whose labels.
        rows: int64 [assessed]: their rows in `task.labeled`.
        found: What is to be said of each.
        assessed_by: What predicted each image without its own label.
        features: float32 [sample, feature]; None where there are none.
        sample: int64 [sample], ascending: the rows of `task.labeled` that have features.
    """

    task: Task
    rows: Integers = field(repr=False)
    found: AssessedLabels = field(repr=False)
    assessed_by: str
    features: Floats | None = field(repr=False)
    sample: Integers = field(repr=False)

    @property
    def flagged(self) -> Booleans:
        """Which rows of `task.labeled` are flagged, bool [labeled]."""
        return np.isin(np.arange(len(self.task.labeled)), self.rows[self.found.flagged])

    @property
    def num_unassessed(self) -> int:
        """Number of labels that are not assessed."""
        return int((self.task.labeled.labels != UNLABELED).sum()) - len(self.rows)

    def record(self, *, tests: bool = True, manifest: str = MANIFEST) -> LabelErrors:
        """What is reported; `tests` whether to test if leaving suspects out helps, `manifest` the file to correct."""
        found, classes, labels = self.found, self.task.classes, self.task.labeled.labels[self.rows]
        num_flagged = int(found.flagged.sum())
        suspects = tuple(
            SuspectLabel(
                name=self.task.labeled.images.name(int(self.rows[place])),
                label=classes[labels[place]],
                suggested=classes[found.suggested[place]],
                p_value=float(found.p_values[place]),
                adjusted=float(found.adjusted[place]),
                wrong=float(found.wrong[place]),
                flagged=bool(found.flagged[place]),
            )
            for place in found.order[: max(num_flagged, FEWEST_SUSPECTS)].tolist()
        )
        gain = gain_without(self) if tests and num_flagged else None
        return LabelErrors(
            num_labels=len(self.rows),
            num_unassessed=self.num_unassessed,
            num_flagged=num_flagged,
            level=LEVEL,
            noise=found.noise,
            assessed_by=self.assessed_by,
            suspects=suspects,
            without=None if isinstance(gain, NotApplicable) else gain,
            not_tested=gain.reason if isinstance(gain, NotApplicable) else "",
            manifest=manifest,
            in_files=in_files(self.task),
        )


def in_files(task: Task) -> bool:
    """Whether the labeled images are files, here or in a store, which a manifest can name."""
    name = task.labeled.images.name(0) if len(task.labeled) else ""
    return is_address(name) or Path(name).is_file()


def assess_task(task: Task, backbone: Backbone | None, predictions: Predictions | None = None) -> AssessedTask | NotApplicable:
    """Every label of a task, assessed; why none could be, where there is too little to go by.

    Args:
        task: Its test labels are not read.
        backbone: Its features give each image's neighbors and, without predictions, the leave-one-out predictions of a ridge
            head; features that are not there yet are extracted. None goes by the predictions alone.
        predictions: Out of fold, of some or all images of `task.labeled`.

    Returns:
        The assessed labels, of 20,000 images at most; images whose class has no other group are left out.
    """
    labeled = task.labeled
    sample = evenly_spaced(len(labeled), MOST_ASSESSED)
    rows = sample[labeled.labels[sample] != UNLABELED]
    rows = rows[has_mates(labeled.labels[rows], labeled.groups[rows])]
    if len(rows) < LEAST_LABELS or len(np.unique(labeled.labels[rows])) < 2:
        return NotApplicable(reason=f"it takes {LEAST_LABELS} labels of classes with two images or more to tell wrong ones")
    features = None if backbone is None else feature_rows(task, backbone, sample)
    if predictions is not None:
        probs, rows = _of_rows(predictions, task, rows)
        by = "out-of-fold predictions of the model"
    elif features is not None and backbone is not None:
        of_rows = features[np.searchsorted(sample, rows)]
        fit = fit_ridge(of_rows, labeled.labels[rows], task.num_classes, None, labeled.groups[rows])
        probs, rows = softmax(fit.loo_scores / fit.temperature, axis=1), rows[fit.loo_rows]
        by = f"leave-one-out predictions of a ridge head on {backbone.card.name}"
    else:
        return NotApplicable(reason="there are neither features nor out-of-fold predictions to tell wrong labels by")
    if len(rows) < LEAST_LABELS:
        return NotApplicable(reason=f"fewer than {LEAST_LABELS} labeled images were predicted out of fold")
    near = None if features is None else features[np.searchsorted(sample, rows)]
    return AssessedTask(task, rows, _found(task, near, probs, rows), by, features, sample)


def cheapest_backbone(task: Task) -> Backbone:
    """The network whose features tell wrong labels where none was chosen: the first that comes with the package."""
    if task.train.images.embedded:
        return load_backbone("embeddings", seed=task.seed)
    card = packaged()[0]
    return load_backbone(card.name, input_pixels=input_pixels_for(card, task), seed=task.seed)


def feature_rows(task: Task, backbone: Backbone, sample: Integers) -> Floats:
    """All stages of those labeled images, each scaled to unit length, float32 [sample, feature]."""
    features = features_of(task.labeled.take(sample), backbone)
    return np.asarray(Representation.fitted(features, "stages").rows(features)[:], np.float32)


def features_at_hand(task: Task, backbone: Backbone) -> bool:
    """Whether the labeled images have features of a pretrained network that need no extraction."""
    return backbone.weights != "none" and num_missing(task.labeled, backbone) == 0


def without_label_errors(task: Task) -> Task:
    """The task without the images to learn from whose labels are flagged, with a finding that says so.

    They are found by leave-one-out predictions of a ridge head. The test stays as it is, as does a task that was filtered before.
    """
    if any(finding.code == LEFT_OUT for finding in task.findings):
        return task
    assessed = assess_task(task, cheapest_backbone(task))
    if isinstance(assessed, NotApplicable):
        note = Finding.info(LEFT_OUT, f"No label was left out as wrong: {assessed.reason}.", count=0)
        return replace(task, findings=(*task.findings, note))
    flagged = assessed.flagged
    kept_train, kept_validation = ~flagged[: len(task.train)], ~flagged[len(task.train) :]
    note = Finding.info(
        LEFT_OUT,
        f"Images whose labels look wrong are left out, as was asked ({int(flagged.sum())} of {len(flagged):,}).",
        f"{JUDGE_NOTHING} {share_assessed(len(assessed.rows), assessed.num_unassessed)}".rstrip(),
        count=int(flagged.sum()),
        paths=[one.name for one in assessed.record(tests=False).suspects if one.flagged][:20],
    )
    return replace(
        task,
        train=task.train.take(kept_train),
        validation=None if task.validation is None else task.validation.take(kept_validation),
        findings=(*task.findings, note),
    )


def gain_without(assessed: AssessedTask) -> GainWithoutSuspects | NotApplicable:
    """What leaving suspects out of the fit brings on held-out images, or why that cannot be tested.

    In each fold the suspects are found anew, among its rows to fit on alone, so that no held-out label has a part in either fit.
    Both heads are judged by the given labels of all held-out images, and of those that are not flagged, as their own labels have
    a part in that.
    """
    task, features = assessed.task, assessed.features
    if features is None:
        return NotApplicable(reason="there are no features to fit by")
    if len(features) < len(task.labeled):
        return NotApplicable(reason=f"only {len(features):,} of {len(task.labeled):,} images have features")
    if not task.folds:
        return NotApplicable(reason="no labeled images were held out")
    shown = features if features.shape[1] <= WIDTH else features @ principal_components(features, WIDTH, task.seed)
    shown, usable = np.asarray(shown, np.float32), np.isin(np.arange(len(features)), assessed.rows)
    flagged = assessed.flagged
    pairs: list[tuple[Predictions, Predictions]] = []
    left_out: list[int] = []
    not_flagged: list[Booleans] = []
    for fold in task.folds:
        rows, compared = fold.fit[usable[fold.fit]], fold.held_out[usable[fold.held_out]]
        if len(rows) < LEAST_LABELS or not len(compared):
            continue
        suspect = _suspects_among(task, shown, rows)
        left_out.append(int(suspect.sum()))
        not_flagged.append(~flagged[compared])
        pairs.append((_by_ridge(task, shown, rows[~suspect], compared), _by_ridge(task, shown, rows, compared)))
    unflagged = np.concatenate([np.zeros(0, np.bool_), *not_flagged])
    if not any(left_out) or not unflagged.any():
        return NotApplicable(reason="no label stands out among the rows of a fold alone")
    without, with_them = (joined([pair[place] for pair in pairs]) for place in (0, 1))
    paired, on_all = (
        compare(without.take(rows), with_them.take(rows), task.seed) for rows in (unflagged, np.ones_like(unflagged))
    )
    return GainWithoutSuspects(
        accuracy_gain=paired.accuracy_gain,
        num_images=paired.num_rows,
        gain_on_all=on_all.accuracy_gain,
        num_all=on_all.num_rows,
        num_left_out=round(float(np.mean(left_out))),
    )


def _suspects_among(task: Task, features: Floats, rows: Integers) -> Booleans:
    labels, groups = task.labeled.labels[rows], task.labeled.groups[rows]
    fit = fit_ridge(features[rows], labels, task.num_classes, None, groups)
    scored = rows[fit.loo_rows]
    found = _found(task, features[scored], softmax(fit.loo_scores / fit.temperature, axis=1), scored)
    return np.isin(rows, scored[found.flagged])


def _by_ridge(task: Task, features: Floats, rows: Integers, compared: Integers) -> Predictions:
    labeled = task.labeled
    fit = fit_ridge(features[rows], labeled.labels[rows], task.num_classes, None, labeled.groups[rows])
    probs = softmax((features[compared] @ fit.weight + fit.bias) / fit.temperature, axis=1)
    names = tuple(labeled.images.name(int(row)) for row in compared)
    return Predictions(names, task.classes, labeled.labels[compared], probs, probs, labeled.groups[compared])


def _of_rows(predictions: Predictions, task: Task, rows: Integers) -> tuple[Floats, Integers]:
    """The predictions of those labeled rows that have any, float64 [assessed, class], and these rows."""
    where = {name: place for place, name in enumerate(predictions.names)}
    places = np.array([where.get(task.labeled.images.name(int(row)), -1) for row in rows], np.int64)
    return predictions.probs[places[places >= 0]], rows[places >= 0]


def _found(task: Task, features: Floats | None, probs: Floats, rows: Integers) -> AssessedLabels:
    labeled = task.labeled
    labels, groups = labeled.labels[rows], labeled.groups[rows]
    near = None if features is None else neighbor_probs(features, labels, groups, task.num_classes)
    groupings = [groups]
    if labeled.given_groups or task.leave_domain_out:  # copies are then only a part of what the groups hold
        groupings.append(duplicate_groups(scan(labeled.images))[rows])
    return assess_labels(probs, labels, near, groupings)
