"""Pi-model: two views of an unlabeled picture are to get the same prediction."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.data.augmentation.views import ViewName
from headstart.losses.consistency import squared_difference
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.ramps import gaussian_ramp
from headstart.training.unlabeled_streams import scores_of

RAMP_END = 0.27
"""Share of the training over which the weight grows: 80 of 300 epochs."""


@final
class PiModel(SemiSupervised):
    """Trains on labeled pictures and asks that predictions for two weak views of an unlabeled picture agree.

    It assumes no class, so it cannot learn a wrong one; it only smooths the prediction around each picture.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: a little, and seldom hurts: on pictures whose class does not change with place and size.
    Hurts: where a large weight early on makes every prediction the same; the weight grows for that reason.

    Reference: Laine & Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017, algorithm 1.
    Differs: labeled pictures are not asked to agree; the weight is not multiplied by the share of labeled rows.

    Attributes:
        unlabeled_weight: Largest weight of the difference; 100 times the share of labeled rows in the paper.
    """

    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak", "weak")

    unlabeled_weight: Annotated[float, Field(ge=0, le=100)] = 10.0

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        train, pool = batch["train"], batch["unlabeled"]
        labeled, first, second = scores_of(learner, train.images, pool.images, pool.also[0])
        weight = self.unlabeled_weight * gaussian_ramp(progress, RAMP_END)
        return {
            "cross_entropy": soft_cross_entropy(labeled, train.targets),
            "consistency": weight * squared_difference(first.softmax(dim=1), second.softmax(dim=1)),
        }
