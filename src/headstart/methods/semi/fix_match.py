"""FixMatch: strong views of unlabeled pictures are trained on the confident class of weak ones."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor

from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.unlabeled_streams import scores_by_view


@final
class FixMatch(SemiSupervised):
    """Trains strong views of unlabeled pictures on the likeliest class of their weak views, where its probability is high.

    A confident prediction for a weak view becomes the label of a strong view, from which more predictions become confident.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: with five labels a class and more, where the supervised model is confident and right on a part of the pictures.
    Hurts: where no prediction reaches the threshold (nothing is learned then; choose free_match), or confident predictions are
        wrong.

    Reference: Sohn et al., "FixMatch", NeurIPS 2020, eqs. 3 and 4.

    Attributes:
        threshold: Probability of the likeliest class from which a picture counts.
    """

    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.95

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        labeled, weak, strong = scores_by_view(learner, batch)
        targets = confident_targets(weak.softmax(dim=1), self.threshold)
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "fix_match": self.unlabeled_weight * soft_cross_entropy(strong, targets),
        }
