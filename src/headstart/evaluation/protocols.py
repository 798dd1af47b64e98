"""Protocols: how an evaluation is made. The only place where sealed test labels are opened."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from headstart.core.errors import DataError
from headstart.core.evaluation import Evaluation
from headstart.core.predictions import Predictions
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.evaluation.calibration import reliability
from headstart.evaluation.intervals import has_clusters
from headstart.evaluation.labeled_predictions import DRAWS, LabeledPredictions
from headstart.evaluation.metrics import metrics_of
from headstart.evaluation.selective import accuracy_coverage
from headstart.evaluation.subsets import accuracy_by_domain, accuracy_by_group, mean_over


class Predicts(Protocol):
    """Whatever turns images into predictions."""

    def predict(self, images: ImageSet) -> Predictions:
        """Probabilities for every row."""


def evaluate(model: Predicts, image_set: ImageSet, split: str = "test") -> tuple[Evaluation, Predictions]:
    """The evaluation of a model on a set of images, and its predictions.

    Opens the set if it is sealed, so call it once, at the end. Images without a label are left out of the evaluation; a DataError
    says that all are.
    """
    predictions = model.predict(image_set.opened_for_evaluation())
    return evaluation_of(predictions, split), predictions


def with_test_as_train(task: Task) -> Task:
    """The task whose test rows are rows to learn from: for the model that is shipped once these rows have judged another.

    A task without a test is returned as it is.
    """
    if task.test is None:
        return task
    return replace(task, train=concatenate(task.train, task.test.opened_for_evaluation()), test=None, test_by_default=False)


def evaluation_of(predictions: Predictions, split: str) -> Evaluation:
    """Every metric of the labeled rows with its interval, and the accuracy on each domain and group that rows name.

    A DataError says that no row has a label.
    """
    labeled = predictions.take(predictions.labels != UNLABELED)
    if not len(labeled):
        raise DataError(f"None of the {len(predictions)} images of {split} has a label. Evaluate on labeled images.")
    counted = LabeledPredictions(labeled)
    domains, groups = accuracy_by_domain(labeled), accuracy_by_group(labeled)
    return Evaluation(
        split=split,
        num_images=len(labeled),
        metrics=metrics_of(counted),
        per_class=counted.per_class,
        confusion=counted.confusion,
        reliability=reliability(labeled.probs, labeled.labels),
        reliability_before=reliability(labeled.raw_probs, labeled.labels),
        protocol=_protocol(labeled, split),
        per_domain=domains,
        domain_mean=mean_over(domains),
        per_group=groups,
        worst_group=min(groups, key=lambda row: row.accuracy.value, default=None),
        selective=accuracy_coverage(labeled),
    )


def _protocol(labeled: Predictions, split: str) -> str:
    if has_clusters(labeled.groups):
        groups = len({int(group) for group in labeled.groups})
        made = f"bootstrap over the {groups:,} groups of images, {DRAWS:,} draws"
    else:
        made = f"Wilson's for shares, bootstrap with {DRAWS:,} draws for the rest"
    absent = len(labeled.classes) - len({int(label) for label in labeled.labels})
    left = f" Macro averages leave out classes without images ({absent})." if absent else ""
    return f"One pass over the {len(labeled):,} labeled images of {split}; 95% intervals: {made}.{left}"
