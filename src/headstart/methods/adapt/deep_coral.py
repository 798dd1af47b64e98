"""Deep CORAL: covariances of the features of both domains aligned."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.losses.deep_coral import deep_coral
from headstart.methods._domain_adaptation import JointAdaptation, Rows
from headstart.training.learner import Classifier


@final
class DeepCoral(JointAdaptation):
    """Trains on source pictures and aligns the covariances of both domains' features.

    It changes the features least of all such methods, which may suffice where domains differ by contrast or color alone.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: with small steps and few settings, where domains differ in how features vary together.
    Hurts: where the means differ; choose jan. It is kept for completeness: it lost 10 and 11 points where jan gained 11 and 11
        (MNIST to digits and back, one seed; docs/across-domains.md).

    Reference: Sun & Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation", ECCV 2016 Workshops.
    Differs: covariances are those of the last features in place of the class scores.

    Attributes:
        weight: Of the distance of the covariances; the paper sets it so that both losses end up about the same.
    """

    batch_statistics: ClassVar[bool] = True

    weight: Annotated[float, Field(ge=0, le=1_000_000)] = 10.0

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        return {"coral": self.weight * deep_coral(source.features, target.features)}
