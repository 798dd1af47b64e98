"""JAN: features and predictions of both domains aligned by joint mean discrepancy."""

from __future__ import annotations

from typing import final

from torch import Tensor

from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.joint_mmd import joint_mmd
from headstart.methods._domain_adaptation import DomainAdaptation, Weight
from headstart.training.batches import Batch
from headstart.training.domain_streams import features_by_domain
from headstart.training.learner import Classifier


@final
class Jan(DomainAdaptation):
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

    weight: Weight = 1.0

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        source_scores, target_scores = learner.head(source), learner.head(target)
        joint = joint_mmd((source, source_scores.softmax(dim=1)), (target, target_scores.softmax(dim=1)))
        return {"cross_entropy": soft_cross_entropy(source_scores, batch["train"].targets), "joint_mmd": self.weight * joint}
