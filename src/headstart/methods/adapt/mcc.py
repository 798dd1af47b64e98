"""MCC: predictions on the target that do not confuse classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.losses.class_confusion import class_confusion
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._domain_adaptation import DomainAdaptation, Weight
from headstart.training.batches import Batch
from headstart.training.domain_streams import features_by_domain
from headstart.training.learner import Classifier


@final
class Mcc(DomainAdaptation):
    """Trains on source pictures and penalizes pairs of classes that target predictions confuse.

    Nothing is aligned, so that class shares do not matter; confident rows count more.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: in most cases: the best or nearly the best in most published tables; also where the target lacks some classes.
    Hurts: where first predictions on the target are mostly wrong, which it then reinforces.

    Reference: Jin et al., "Minimum Class Confusion for Versatile Domain Adaptation", ECCV 2020.

    Attributes:
        weight: Of the confusion.
        temperature: Divides target logits; 2.5 in the paper.
    """

    tried_by_run: ClassVar[bool] = True
    trial_order: ClassVar[int] = 3

    weight: Weight = 1.0
    temperature: Annotated[float, Field(gt=0, le=10)] = 2.5

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "confusion": self.weight * class_confusion(learner.head(target), self.temperature),
        }
