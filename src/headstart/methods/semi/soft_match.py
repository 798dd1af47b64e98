"""SoftMatch: fixMatch with weights that fall smoothly below the mean confidence."""

from __future__ import annotations

from typing import Annotated, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.distribution_alignment import aligned
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.running_mean import RunningMean
from headstart.training.unlabeled_streams import scores_by_view


@final
class SoftMatch(SemiSupervised):
    """Does what fix_match does, but every picture counts: below the mean confidence its weight falls along a Gaussian.

    Mean and width follow the network's confidence; probabilities are scaled to equal shares of the classes before weights are
    taken, so that classes that are seldom predicted get more weight.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: with one to ten labels a class, where a threshold would leave out too many or let in too much.
    Hurts: where classes are far from equally frequent among the unlabeled pictures.

    Reference: Chen et al., "SoftMatch", ICLR 2023, eqs. 5 to 8.
    Differs: running means are corrected for their beginning in place of starting at 1 / classes and 1; the variance of a batch
        is that of its rows, without B / (B - 1).

    Attributes:
        decay: Of the running means a step.
    """

    decay: Annotated[float, Field(ge=0, lt=1)] = 0.999

    def memory(self, task: Task, backbone: Backbone) -> Means:
        return Means(self.decay, task.num_classes)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = cast(Means, learner.extra)
        labeled, weak, strong = scores_by_view(learner, batch)
        probs = weak.softmax(dim=1)
        targets = confident_targets(probs) * memory.weights(probs)[:, None]
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "soft_match": self.unlabeled_weight * soft_cross_entropy(strong, targets),
        }


def truncated_gaussian(confidence: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """1 from the mean on, and below it a Gaussian of that variance, scaled to reach 1 at the mean; float [batch], in (0, 1].

    Reference: Chen et al., "SoftMatch", ICLR 2023, eq. 5.
    """
    below = (confidence - mean).clamp_max(0)
    return torch.exp(-below.square() / (2 * variance).clamp_min(torch.finfo(variance.dtype).tiny))


class Means(nn.Module):
    """Running means over the weak views."""

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
