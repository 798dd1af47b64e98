"""MCC: predictions on the target that do not confuse classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.losses.class_confusion import class_confusion
from headstart.methods._domain_adaptation import JointAdaptation, Rows, Weight
from headstart.training.learner import Classifier


@final
class Mcc(JointAdaptation):
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
    trial_order: ClassVar[int] = 5

    weight: Weight = 1.0
    temperature: Annotated[float, Field(gt=0, le=10)] = 2.5

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        return {"confusion": self.weight * class_confusion(target.logits, self.temperature)}
