"""JAN: features and predictions of both domains aligned by joint mean discrepancy."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from headstart.losses.joint_mmd import joint_mmd
from headstart.methods._domain_adaptation import JointAdaptation, Rows, Weight
from headstart.training.learner import Classifier


@final
class Jan(JointAdaptation):
    """Does what dan does, for features and class predictions together.

    Features are thus aligned with the classes that they predict.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: as dan, a little more, where first predictions on the target are mostly right.
    Hurts: where they are not, and where classes are much more frequent in one domain.

    Reference: Long et al., "Deep Transfer Learning with Joint Adaptation Networks", ICML 2017.
    Differs: widths of the kernel of predictions lie around the median distance too.

    Attributes:
        weight: Of the discrepancy.
    """

    tried_by_run: ClassVar[bool] = True
    trial_order: ClassVar[int] = 4

    weight: Weight = 1.0

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        of_source, of_target = ((rows.features, rows.logits.softmax(dim=1)) for rows in (source, target))
        return {"joint_mmd": self.weight * joint_mmd(of_source, of_target)}
