"""ABC: fixMatch, and beside its head a balanced one (ABC), which is deployed."""

from __future__ import annotations

import copy
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
from headstart.training.settings import Training
from headstart.training.unlabeled_streams import learner_with_memory


@final
class AuxiliaryBalancedClassifier(SemiSupervised):
    """Trains one head as fix_match does, and on the same features a second one for which rare classes count as much as others.

    The first head trains the features on all pictures; the second one is deployed. With equally many labels a class both are
    the same.

    Needs: labeled rows, and unlabeled pictures of the same classes. The classes should be as skewed among unlabeled pictures as
        among labeled ones.
    Helps: where some classes have several times as many labels as others, and each class matters alike.
    Hurts: where accuracy over all pictures matters: frequent classes lose what rare ones gain.

    Reference: Lee et al., "ABC: Auxiliary Balanced Classifier for Class-imbalanced Semi-supervised Learning", NeurIPS 2021, eqs.
        1 to 4.
    Differs: rows are weighted with the probability that the paper's random mask keeps them; pseudo-labels are hard, for one
        strong view in place of two.

    Attributes:
        unlabeled_weight: Weight of the losses on unlabeled pictures.
        threshold: Probability of the likeliest class from which a picture counts.
    """

    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.95

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = learner_with_memory(backbone, task)
        learner.extra = SkewedHead(learner.head, torch.from_numpy(task.train.class_counts))
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        skewed = cast(SkewedHead, learner.extra)
        train, pool = batch["train"], batch["unlabeled"]
        num_rows = [len(train.images), len(pool.also[0])]
        features = learner.features(torch.cat([train.images, *pool.also]))
        with torch.no_grad():
            weak = learner.features(pool.images)
            sure = confident_targets(learner.head(weak).softmax(dim=1), self.threshold)
            sure_of_skewed = confident_targets(skewed(weak).softmax(dim=1), self.threshold)
        labeled, strong = learner.head(features).split(num_rows)
        labeled_skewed, strong_skewed = skewed(features).split(num_rows)
        # Rare classes gain among unlabeled pictures little by little.
        keep_probs = 1 - progress * (1 - skewed.keep_probs)
        return {
            "cross_entropy": soft_cross_entropy(labeled, train.targets * skewed.keep_probs),
            "balanced": self.unlabeled_weight * soft_cross_entropy(strong, sure * keep_probs),
            "skewed_cross_entropy": soft_cross_entropy(labeled_skewed, train.targets),
            "fix_match": self.unlabeled_weight * soft_cross_entropy(strong_skewed, sure_of_skewed),
        }


class SkewedHead(nn.Module):
    """The head that is not deployed, and how much each class counts for the one that is, by its labeled rows, int64 [class]."""

    def __init__(self, head: nn.Linear, counts: Tensor) -> None:
        super().__init__()
        self.head = copy.deepcopy(head)
        self.register_buffer("rates", keep_probs_of(counts))

    @property
    def keep_probs(self) -> Tensor:
        """What `keep_probs_of` gives; checkpoints and fingerprints of trainings call it "rates"."""
        return self.get_buffer("rates")

    def forward(self, features: Tensor) -> Tensor:
        """Logits [batch, class] of features [batch, feature]."""
        logits: Tensor = self.head(features)
        return logits


def keep_probs_of(counts: Tensor) -> Tensor:
    """The probability with which each class is kept, float32 [class], in (0, 1], by its rows: those of the rarest over its own.

    1 for a class without rows.

    Reference: Lee et al., "ABC", NeurIPS 2021, eq. 1.
    """
    return counts[counts > 0].min() / counts.clamp_min(int(counts[counts > 0].min()))
