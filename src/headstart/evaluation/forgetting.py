"""Forgetting: what a network lost on the task that it was first trained for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.source_head import source_head_of
from headstart.core.errors import DataError
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.features.rows import linear_scores


@dataclass(frozen=True)
class Forgetting:
    """Accuracy on the source task.

    Attributes:
        before: By the network as it came, in [0, 1].
        after: By the network as it was left, through its own classifier.
    """

    before: float
    after: float

    @property
    def lost(self) -> float:
        """The fall, in [-1, 1]."""
        return self.before - self.after


def forgetting(before: Backbone, after: Backbone, source_images: ImageSet) -> Forgetting:
    """What fine-tuning cost on the source task. Opens the images if they are sealed.

    The network's own classifier judges both times: a method that does not train it, such as lp_ft, leaves it as it was, and lwf
    brings it along.

    Args:
        before: The network as it came.
        after: `model.backbone` of what it became.
        source_images: Images of the source task, best ones that it was not trained on, labeled by number of its classes.

    Returns:
        Both accuracies.

    Raises:
        DataError: No image has a label, or the classes are not those of the network's own classifier.
        PlanError: A network has no classifier of its own.
    """
    opened = source_images.opened_for_evaluation()
    labeled = opened.take(np.flatnonzero(opened.labels != UNLABELED))
    if not len(labeled):
        raise DataError(f"None of the {len(opened)} images of the source has a label. Give labeled images.")
    return Forgetting(_source_accuracy(before, labeled), _source_accuracy(after, labeled))


def _source_accuracy(backbone: Backbone, images: ImageSet) -> float:
    head = source_head_of(backbone)
    if head.out_features != images.num_classes:
        raise DataError(
            f"The images of the source have {images.num_classes} classes, and {backbone.card.name} was trained on "
            f"{head.out_features}. Give images labeled by the classes of that network."
        )
    bias = np.zeros(head.out_features) if head.bias is None else head.bias.detach().numpy()
    scores = linear_scores(features_of(images, backbone).penultimate, head.weight.detach().numpy().T, bias)
    return float((scores.argmax(axis=1) == images.labels).mean())
