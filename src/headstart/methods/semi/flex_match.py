"""FlexMatch: fixMatch with lower thresholds for classes with few confident predictions."""

from __future__ import annotations

from typing import Annotated, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.core.types import UNLABELED
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.unlabeled_streams import scores_by_view


@final
class FlexMatch(SemiSupervised):
    """Does what fix_match does, with a threshold a class that is lower for classes with few confident predictions.

    Classes that are hard to learn thus take part early; while few predictions are confident, all thresholds are low.

    Needs: labeled rows, and unlabeled pictures of the same classes. The classes should be about equally frequent among them.
    Helps: with one to five labels a class, where fix_match learns some classes and leaves others.
    Hurts: where a class is rare among the unlabeled pictures: it looks like one that is hard to learn.

    Reference: Zhang et al., "FlexMatch", NeurIPS 2021, eqs. 5 to 11 and algorithm 1.

    Attributes:
        threshold: Probability of the likeliest class from which a picture counts, for the class that is learned best.
    """

    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.95

    def memory(self, task: Task, backbone: Backbone) -> SureClasses:
        if task.unlabeled is None:
            raise AssertionError("check_needs comes first")
        return SureClasses(len(task.unlabeled))

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = cast(SureClasses, learner.extra)
        labeled, weak, strong = scores_by_view(learner, batch)
        probs = weak.softmax(dim=1)
        counts, num_unsure = memory.counts(probs.shape[1])
        targets = confident_targets(probs, self.threshold * curriculum(counts, num_unsure))
        memory.note(batch["unlabeled"].rows, confident_targets(probs, self.threshold))
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "flex_match": self.unlabeled_weight * soft_cross_entropy(strong, targets),
        }


def curriculum(counts: Tensor, num_unsure: int) -> Tensor:
    """The threshold of each class as a share of the highest, float32 [class], in [0, 1].

    `counts` are the unlabeled pictures that were last sure of each class, int64 [class]; `num_unsure` were never sure of any.

    Reference: Zhang et al., "FlexMatch", NeurIPS 2021, eqs. 6, 7 and 11 with the convex mapping x / (2 - x).
    """
    learned = counts / max(int(counts.max()), num_unsure, 1)
    return learned / (2 - learned)


class SureClasses(nn.Module):
    """The class that each of so many unlabeled pictures was last sure of."""

    classes: Tensor

    def __init__(self, num_rows: int) -> None:
        super().__init__()
        self.register_buffer("classes", torch.full((num_rows,), UNLABELED))

    def counts(self, num_classes: int) -> tuple[Tensor, int]:
        """Pictures by class, int64 [class], and those that were never sure."""
        sure = self.classes[self.classes != UNLABELED]
        return torch.bincount(sure, minlength=num_classes), len(self.classes) - len(sure)

    def note(self, rows: Tensor, targets: Tensor) -> None:
        """Remember the class of those rows, int64 [batch], whose targets [batch, class] are not zero."""
        sure = targets.any(dim=1)
        self.classes[rows.to(sure.device)[sure]] = targets.argmax(dim=1)[sure]
