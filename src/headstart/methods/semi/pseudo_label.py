"""Pseudo-Label: unlabeled pictures are trained on the class that the network finds likeliest."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from headstart.data.augmentation.views import ViewName
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.ramps import linear_ramp
from headstart.training.unlabeled_streams import scores_of

RAMP = (0.1, 0.6)
"""Shares of the training at which the weight begins and ends to grow; steps 100 and 600 in the paper."""


@final
class PseudoLabel(SemiSupervised):
    """Trains on labeled pictures and, with growing weight, on unlabeled ones as if the likeliest class were their label.

    In effect this minimizes the entropy of predictions, which separates the classes.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: where the supervised model is right most of the time and classes lie apart.
    Hurts: where it is often wrong: its errors are learned as labels, as no threshold holds doubtful ones back; choose fix_match.

    Reference: Lee, "Pseudo-Label", ICML 2013 Workshops, eqs. 15 and 16 (the weight grows in a straight line).
    Differs: the weight grows between fixed shares of the training in place of fixed steps.

    Attributes:
        unlabeled_ratio: Unlabeled rows a step for each labeled one; 8 in the paper.
        unlabeled_weight: Largest weight of the loss on unlabeled pictures; 3 in the paper. On digits with five labels a class 3
            costs five points against lp_ft and 1 costs none (EfficientNet-Lite0 at 64 pixels, 40 epochs, one seed).
    """

    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak",)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        train, pool = batch["train"], batch["unlabeled"]
        labeled, unlabeled = scores_of(learner, train.images, pool.images)
        weight = self.unlabeled_weight * linear_ramp(progress, *RAMP)
        return {
            "cross_entropy": soft_cross_entropy(labeled, train.targets),
            "pseudo_label": weight * soft_cross_entropy(unlabeled, confident_targets(unlabeled.softmax(dim=1))),
        }
