"""UDA: strong views of unlabeled pictures follow sharpened predictions for weak ones."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor

from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import sharpened
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.unlabeled_streams import scores_by_view


@final
class UDA(SemiSupervised):
    """Trains strong views of unlabeled pictures on the sharpened prediction for their weak views, where that one is confident.

    Soft targets keep more than one class; sharpening makes them more confident than the predictions.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: as fix_match does; with soft targets also where classes resemble each other.
    Hurts: where strong views change the class, or where confident predictions are wrong.

    Reference: Xie et al., "Unsupervised Data Augmentation for Consistency Training", NeurIPS 2020, eq. 1 and section 3.2.
    Differs: cross-entropy in place of the Kullback-Leibler divergence, whose gradient is the same; labeled pictures count from
        the first step on, without training signal annealing.

    Attributes:
        unlabeled_ratio: Unlabeled rows a step for each labeled one; 7 and more in the paper.
        threshold: Probability of the likeliest class from which a picture counts.
        temperature: Of the sharpening.
    """

    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.8
    temperature: Annotated[float, Field(ge=0.1, le=1)] = 0.4

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        labeled, weak, strong = scores_by_view(learner, batch)
        probs = weak.softmax(dim=1)
        confident = probs.amax(dim=1, keepdim=True) >= self.threshold
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "uda": self.unlabeled_weight * soft_cross_entropy(strong, sharpened(probs, self.temperature) * confident),
        }
