"""AFN: features that grow longer in both domains, step by step."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor

from headstart.losses.feature_norm import norm_gap
from headstart.methods._domain_adaptation import JointAdaptation, Rows, Weight
from headstart.training.learner import Classifier


@final
class Afn(JointAdaptation):
    """Trains on source pictures and increases the norm of the features of both domains, step by step.

    Features of target pictures that the network recognizes poorly have small norms; features of larger norm transfer better.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: with pretrained weights and many classes; it does not depend on class shares.
    Hurts: in short trainings with adaptive step sizes, where norms go on growing after the labels are learned: on digits it
        lost to training on the source alone on every pair (docs/across-domains.md).

    Reference: Xu et al., "Larger Norm More Transferable", ICCV 2019 (stepwise).
    Differs: the last features of the network count, without a bottleneck and its dropout.

    Attributes:
        weight: Of the growth; 0.05 in the paper.
        step: By how much lengths are to grow, in the units of the features; 1 in the paper.
    """

    weight: Weight = 0.05
    step: Annotated[float, Field(gt=0, le=100)] = 1.0

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        growth = norm_gap(source.features, self.step) + norm_gap(target.features, self.step)
        return {"feature_norm": self.weight * growth}
