"""FlexMatch: FixMatch with lower thresholds for classes that are learned late."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.core.types import UNLABELED
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, scores_by_view, streams_with_pool
from headstart.training.settings import Training


@final
class FlexMatch(GradientMethod):
    """Does what fix_match does, with a threshold a class that is the lower the fewer unlabeled pictures are sure of the class.

    Classes that are hard to learn get their pictures in early; while most pictures are unsure, all thresholds are low.

    Needs: labeled rows, and unlabeled pictures of the same classes. The classes should be about equally frequent among them.
    Helps: with one to five labels a class, where fix_match learns some classes and leaves others.
    Hurts: where a class is rare among the unlabeled pictures: it looks like one that is hard to learn.

    Reference: Zhang et al., "FlexMatch", NeurIPS 2021, eqs. 5 to 11 and algorithm 1.
    Differs: strong views change colors and hide a square in place of RandAugment; training starts from the ridge head, and views
        are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one (mu in the paper, 7 there).
        unlabeled_weight: Weight of the loss on unlabeled pictures.
        threshold: Probability of the likeliest class from which a picture counts, for the class that is learned best.
    """

    summary: ClassVar[str] = "FixMatch with lower thresholds for classes that few pictures are sure of"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 3
    unlabeled_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.95

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        if task.unlabeled is None:
            raise AssertionError("check_needs comes first")
        return learner_with_memory(backbone, task, SureClasses(len(task.unlabeled)))

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = learner.extra
        assert isinstance(memory, SureClasses)
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
    """The threshold of each class as a share of the highest.

    Args:
        counts: Unlabeled pictures that were last sure of each class, int64 [class].
        num_unsure: Unlabeled pictures that were never sure of any.

    Returns:
        float32 [class], in [0, 1].

    Reference: Zhang et al., "FlexMatch", NeurIPS 2021, eqs. 6, 7 and 11 with the convex mapping x / (2 - x).
    """
    learned = counts / max(int(counts.max()), num_unsure, 1)
    return learned / (2 - learned)


class SureClasses(nn.Module):
    """The class that each unlabeled picture was last sure of.

    Args:
        num_rows: Unlabeled pictures.
    """

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
