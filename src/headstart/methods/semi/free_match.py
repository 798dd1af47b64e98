"""FreeMatch: fixMatch with thresholds that follow the network's own confidence."""

from __future__ import annotations

from typing import Annotated, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.running_mean import RunningMean
from headstart.training.unlabeled_streams import scores_by_view


@final
class FreeMatch(SemiSupervised):
    """Does what fix_match does, with thresholds that follow the mean confidence, scaled by how often each class is predicted.

    No threshold must be chosen: early and on hard tasks it is low and every class gets pictures, later it rises. A fairness term
    keeps predictions for strong views from leaving classes out.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: with one to five labels a class, and where fix_match's threshold is never reached.
    Hurts: where early predictions are mostly wrong, as many of them are learned.

    Reference: Wang et al., "FreeMatch", ICLR 2023, eqs. 3 to 12.
    Differs: running means are corrected for their beginning in place of starting at 1 / classes, as the ridge head is no blank
        start; classes that no picture of the batch is predicted as are left out of the fairness term.

    Attributes:
        fairness_weight: Weight of the fairness term.
        decay: Of the running means a step.
    """

    fairness_weight: Annotated[float, Field(ge=0, le=1)] = 0.01
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.999

    def memory(self, task: Task, backbone: Backbone) -> Means:
        return Means(self.decay, task.num_classes)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = cast(Means, learner.extra)
        labeled, weak, strong = scores_by_view(learner, batch)
        confidence, probs, shares = memory(weak.softmax(dim=1))
        targets = confident_targets(weak.softmax(dim=1), adaptive_thresholds(confidence, probs))
        confident = targets.any(dim=1)
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "free_match": self.unlabeled_weight * soft_cross_entropy(strong, targets),
            "fairness": self.fairness_weight * fairness(strong[confident].softmax(dim=1), probs, shares),
        }


def adaptive_thresholds(confidence: Tensor, probs: Tensor) -> Tensor:
    """The threshold of each class, float [class], by the mean probability of the likeliest class and of each class.

    Reference: Wang et al., "FreeMatch", ICLR 2023, eq. 8.
    """
    return probs / probs.max() * confidence


def fairness(strong: Tensor, probs: Tensor, shares: Tensor) -> Tensor:
    """Minus the cross-entropy between wanted and found probabilities of the classes, each divided by its predictions.

    `strong` are the probabilities [batch, class] of the strong views that count; `probs` and `shares` are running means of the
    probabilities of weak views and of the shares predicted as each class. Not above zero; 0 where no view counts.

    Reference: Wang et al., "FreeMatch", ICLR 2023, eqs. 10 to 12.
    """
    if not len(strong):
        return strong.sum()
    wanted = _by_share(probs, shares)
    predicted = confident_targets(strong).mean(dim=0)
    found = _by_share(strong.mean(dim=0), predicted)
    return (wanted * found.clamp_min(torch.finfo(found.dtype).tiny).log())[predicted > 0].sum()


def _by_share(probs: Tensor, shares: Tensor) -> Tensor:
    """Probabilities over shares, normalized; 0 where the share is."""
    ratios = torch.where(shares > 0, probs / shares.clamp_min(torch.finfo(shares.dtype).tiny), 0.0)
    return ratios / ratios.sum()


class Means(nn.Module):
    """Running means over the weak views."""

    def __init__(self, decay: float, num_classes: int) -> None:
        super().__init__()
        self.confidence = RunningMean(decay)
        self.probs = RunningMean(decay, (num_classes,))
        self.shares = RunningMean(decay, (num_classes,))

    def forward(self, probs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean confidence [], probabilities [class] and shares of predictions [class], with those probabilities taken in."""
        confidence = self.confidence(probs.amax(dim=1).mean())
        return confidence, self.probs(probs.mean(dim=0)), self.shares(confident_targets(probs).mean(dim=0))
