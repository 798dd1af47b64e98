"""Forgetting: how much accuracy a network lost on an earlier task."""

from __future__ import annotations

from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.core.records import Record
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.evaluation.compare import compare
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.accuracy import Accuracy
from headstart.evaluation.protocols import Predicts


class Forgetting(Record):
    """Accuracy on an earlier task.

    Attributes:
        source: Name of the earlier task.
        num_images: Images of it that were predicted.
        before: Accuracy before training.
        after: Accuracy after training.
        lost: The paired difference; below zero for a gain.
    """

    source: str
    num_images: int
    before: Estimate
    after: Estimate
    lost: Estimate

    @property
    def sentence(self) -> str:
        """The change in one sentence."""
        points = 100 * self.lost.value
        change = (
            f"fell by {points:.1f} points" if points > 0 else f"rose by {-points:.1f} points" if points < 0 else "is the same"
        )
        interval = f"95%: {-100 * self.lost.high:+.1f} to {-100 * self.lost.low:+.1f}"
        shares = f"from {self.before.value:.1%} to {self.after.value:.1%}" if points else f"{self.after.value:.1%}"
        return f"Accuracy on {self.source} {change}, {shares} ({interval}; {self.num_images:,} images)."


def forgetting(before: Predicts, after: Predicts, source: str, images: ImageSet) -> Forgetting:
    """The accuracy that training cost on an earlier task. Opens the images if they are sealed.

    Args:
        before: The network before training, with the head of the earlier task.
        after: The network after training, with the same head.
        source: Name of the earlier task.
        images: Images of the earlier task, preferably ones that the network was not trained on.

    Returns:
        Both accuracies and their paired difference.

    Raises:
        DataError: No image has a label.
    """
    opened = images.opened_for_evaluation()
    labeled = opened.take(opened.labels != UNLABELED)
    if not len(labeled):
        raise DataError(f"None of the {len(opened)} images of {source} has a label. Give labeled images.")
    return forgetting_between(before.predict(labeled), after.predict(labeled), source)


def forgetting_between(then: Predictions, now: Predictions, source: str) -> Forgetting:
    """As `forgetting`, from what both predicted for the same images of known label."""
    return Forgetting(
        source=source,
        num_images=len(then),
        before=Accuracy().estimate(LabeledPredictions(then)),
        after=Accuracy().estimate(LabeledPredictions(now)),
        lost=compare(then, now, seed=0).accuracy_gain,
    )
