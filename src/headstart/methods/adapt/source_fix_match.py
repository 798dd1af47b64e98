"""FixMatch with source labels: fixMatch whose labels are those of the source."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.data.augmentation.views import ViewName
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods._domain_adaptation import DomainAdaptation
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.unlabeled_streams import scores_by_view


@final
class SourceFixMatch(DomainAdaptation):
    """Does what fix_match does, with the labels of another domain.

    Confident predictions for weak views of target pictures become labels of strong views; nothing is aligned.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: where the source's labels are right on a part of the target at once, from which the rest follows.
    Hurts: where confident predictions on the target are wrong, as labels of another domain make likelier: all target pictures
        may end up in one class (docs/across-domains.md).

    Reference: Sohn et al., "FixMatch", NeurIPS 2020, eqs. 3 and 4.
    Differs: labeled pictures are those of the source.

    Attributes:
        weight: Of the loss on target pictures.
        threshold: Probability of the likeliest class from which a picture counts.
    """

    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak", "strong")

    weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.95

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        labeled, weak, strong = scores_by_view(learner, batch)
        targets = confident_targets(weak.softmax(dim=1), self.threshold)
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "fix_match": self.weight * soft_cross_entropy(strong, targets),
        }
