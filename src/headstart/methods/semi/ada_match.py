"""AdaMatch: fixMatch with a threshold relative to labeled pictures and aligned shares of classes."""

from __future__ import annotations

from typing import Annotated, cast, final

from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.distribution_alignment import aligned
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.ramps import cosine_ramp
from headstart.training.running_mean import RunningMean
from headstart.training.unlabeled_streams import scores_by_view

RAMP_END = 0.5
"""Share of the training over which the weight grows, as in the paper."""


@final
class AdaMatch(SemiSupervised):
    """Does what fix_match does, with a threshold relative to the confidence on labeled pictures and aligned predictions.

    Predictions for unlabeled pictures are scaled so that classes come up as often as in predictions for labeled ones. Made for
    unlabeled pictures of another domain, it serves the same domain too.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: where the network is less confident than fix_match's threshold requires, or unlabeled pictures look a little
        different.
    Hurts: where the shares of the classes differ between labeled and unlabeled pictures.

    Reference: Berthelot et al., "AdaMatch", ICLR 2022, section 3.
    Differs: logits are not interpolated at random between two sets of batch statistics, as pretrained statistics stay fixed;
        shares are running means over steps; labeled pictures are trained on in a weak view alone.

    Attributes:
        unlabeled_ratio: Unlabeled rows a step for each labeled one; 3 in the paper on semi-supervised tasks.
        unlabeled_weight: Largest weight of the loss on unlabeled pictures; it grows over the first half of the training.
        threshold: Share of the mean labeled confidence from which a picture counts.
        decay: Of the running means a step.
    """

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.9
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.999

    def memory(self, task: Task, backbone: Backbone) -> Shares:
        return Shares(self.decay, task.num_classes)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = cast(Shares, learner.extra)
        labeled, weak, strong = scores_by_view(learner, batch)
        labeled_probs = labeled.detach().softmax(dim=1)
        probs = memory(labeled_probs, weak.softmax(dim=1))
        confident = probs.amax(dim=1, keepdim=True) >= self.threshold * labeled_probs.amax(dim=1).mean()
        weight = self.unlabeled_weight * cosine_ramp(progress, RAMP_END)
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "ada_match": weight * soft_cross_entropy(strong, probs * confident),
        }


class Shares(nn.Module):
    """Mean predictions for labeled and for unlabeled pictures."""

    def __init__(self, decay: float, num_classes: int) -> None:
        super().__init__()
        self.labeled = RunningMean(decay, (num_classes,))
        self.unlabeled = RunningMean(decay, (num_classes,))

    def forward(self, labeled: Tensor, unlabeled: Tensor) -> Tensor:
        """The unlabeled probabilities [batch, class], aligned, with both kinds taken in."""
        return aligned(unlabeled, self.labeled(labeled.mean(dim=0)), self.unlabeled(unlabeled.mean(dim=0)))
