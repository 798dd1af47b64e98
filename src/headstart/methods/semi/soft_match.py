"""SoftMatch: FixMatch with weights that fall smoothly with the confidence."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.distribution_alignment import aligned
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, scores_by_view, streams_with_pool
from headstart.training.running_mean import RunningMean
from headstart.training.settings import Training


@final
class SoftMatch(GradientMethod):
    """Does what fix_match does, but no picture is left out: below the mean confidence its weight falls along a Gaussian.

    Mean and width follow the network's confidence; probabilities are scaled to equal shares of the classes before weights are
    taken, so that classes that are seldom predicted get more weight.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: with one to ten labels a class, where a threshold would leave out too many or let in too much.
    Hurts: where classes are far from equally frequent among the unlabeled pictures.

    Reference: Chen et al., "SoftMatch", ICLR 2023, eqs. 5 to 8.
    Differs: running means are corrected for their beginning in place of starting at 1 / classes and 1; the variance of a batch is
        that of its rows, without B / (B - 1); strong views change colors and hide a square in place of RandAugment; training
        starts from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one (mu in the paper, 7 there).
        unlabeled_weight: Weight of the loss on unlabeled pictures.
        decay: Of the running means a step.
    """

    summary: ClassVar[str] = "FixMatch with weights that fall smoothly below the mean confidence"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 3
    unlabeled_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.999

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task, Means(self.decay, task.num_classes))

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = learner.extra
        assert isinstance(memory, Means)
        labeled, weak, strong = scores_by_view(learner, batch)
        probs = weak.softmax(dim=1)
        targets = confident_targets(probs) * memory.weights(probs)[:, None]
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "soft_match": self.unlabeled_weight * soft_cross_entropy(strong, targets),
        }


def truncated_gaussian(confidence: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """1 from the mean on, and below it a Gaussian of that variance, scaled to reach 1 at the mean.

    Args:
        confidence: float [batch].
        mean: float [].
        variance: float [].

    Returns:
        float [batch], in (0, 1].

    Reference: Chen et al., "SoftMatch", ICLR 2023, eq. 5.
    """
    below = (confidence - mean).clamp_max(0)
    return torch.exp(-below.square() / (2 * variance).clamp_min(torch.finfo(variance.dtype).tiny))


class Means(nn.Module):
    """Running means over the weak views.

    Args:
        decay: Of older values a step.
        num_classes: Number of classes.
    """

    def __init__(self, decay: float, num_classes: int) -> None:
        super().__init__()
        self.probs = RunningMean(decay, (num_classes,))
        self.confidence = RunningMean(decay)
        self.variance = RunningMean(decay)

    def weights(self, probs: Tensor) -> Tensor:
        """The weight of each picture [batch], with its probabilities [batch, class] taken in."""
        uniform = torch.full_like(probs[0], 1 / probs.shape[1])
        confidence = aligned(probs, uniform, self.probs(probs.mean(dim=0))).amax(dim=1)
        mean, variance = self.confidence(confidence.mean()), self.variance(confidence.var(correction=0))
        return truncated_gaussian(confidence, mean, variance)
