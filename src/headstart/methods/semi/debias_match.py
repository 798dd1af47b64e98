"""DebiasMatch: fixMatch on logits corrected for classes that are predicted often."""

from __future__ import annotations

from typing import Annotated, cast, final

import torch
from pydantic import Field
from torch import Tensor

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
class DebiasMatch(SemiSupervised):
    """Does what fix_match does, on logits from which the logarithm of the mean predictions is taken.

    Pseudo-labels are imbalanced even where the data are balanced, as some classes are easier, and pretrained weights add to it.
    The same amount is added to the logits of strong views, which sets a larger margin for classes that are seldom predicted.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: where fix_match predicts some classes far too often; with pretrained weights of another domain.
    Hurts: where classes really are far from equally frequent.

    Reference: Wang et al., "Debiased Learning from Naturally Imbalanced Pseudo-Labels", CVPR 2022, eqs. 3 to 6.
    Differs: the running mean is corrected for its beginning in place of starting at 1 / classes.

    Attributes:
        threshold: Probability of the likeliest class, after the correction, from which a picture counts.
        strength: How much of the logarithm is taken (lambda).
        decay: Of the running mean a step.
    """

    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.95
    strength: Annotated[float, Field(ge=0, le=2)] = 0.5
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.999

    def memory(self, task: Task, backbone: Backbone) -> RunningMean:
        return RunningMean(self.decay, (task.num_classes,))

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = cast(RunningMean, learner.extra)
        labeled, weak, strong = scores_by_view(learner, batch)
        mean = memory(weak.softmax(dim=1).mean(dim=0))
        favor = self.strength * mean.clamp_min(torch.finfo(mean.dtype).tiny).log()
        targets = confident_targets((weak - favor).softmax(dim=1), self.threshold)
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "debias_match": self.unlabeled_weight * soft_cross_entropy(strong + favor, targets),
        }
