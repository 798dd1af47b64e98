"""Pseudo-Label: the likeliest class of an unlabeled picture counts as its label."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, scores_of, streams_with_pool
from headstart.training.ramps import linear_ramp
from headstart.training.settings import Training

RAMP = (0.1, 0.6)
"""Shares of the training at which the weight begins and ends to grow; steps 100 and 600 in the paper."""


@final
class PseudoLabel(GradientMethod):
    """Trains on labeled pictures and, with growing weight, on unlabeled ones as if the likeliest class were their label.

    Each class is drawn together and away from the others, which is entropy minimization in effect.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: where the supervised model is right most of the time and classes lie apart.
    Hurts: where it is often wrong: its errors are learned as labels, as no threshold holds doubtful ones back; choose fix_match.

    Reference: Lee, "Pseudo-Label", ICML 2013 Workshops, eqs. 15 and 16 (the weight grows in a straight line).
    Differs: the weight grows between fixed shares of the training in place of fixed steps; training starts from the ridge head,
        and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one; 8 in the paper.
        unlabeled_weight: Largest weight of the loss on unlabeled pictures; 3 in the paper. On digits with five labels a class 3
            costs five points against lp_ft and 1 costs none (EfficientNet-Lite0 at 64 pixels, 40 epochs, one seed).
    """

    summary: ClassVar[str] = "Unlabeled pictures are trained on the class that the network finds likeliest"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 3
    unlabeled_weight: Annotated[float, Field(ge=0, le=10)] = 1.0

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=("weak",))

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        train, pool = batch["train"], batch["unlabeled"]
        labeled, unlabeled = scores_of(learner, train.images, pool.images)
        weight = self.unlabeled_weight * linear_ramp(progress, *RAMP)
        return {
            "cross_entropy": soft_cross_entropy(labeled, train.targets),
            "pseudo_label": weight * soft_cross_entropy(unlabeled, confident_targets(unlabeled.softmax(dim=1))),
        }
