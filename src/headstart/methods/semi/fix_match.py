"""FixMatch: strong views are trained on the confident class of weak views."""

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
from headstart.training.pool import learner_with_memory, scores_by_view, streams_with_pool
from headstart.training.settings import Training


@final
class FixMatch(GradientMethod):
    """Trains strong views of unlabeled pictures on the likeliest class of their weak views, where its probability is high.

    What is sure at a weak view is taught for hard views of the same picture, from which more pictures become sure.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: with five labels a class and more, where the supervised model is surely right on a part of the pictures.
    Hurts: where no prediction reaches the threshold (nothing is learned then; choose free_match), or sure ones are wrong.

    Reference: Sohn et al., "FixMatch", NeurIPS 2020, eqs. 3 and 4.
    Differs: strong views change colors and hide a square in place of RandAugment; training starts from the ridge head, and views
        are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one (mu in the paper, 7 there).
        unlabeled_weight: Weight of the loss on unlabeled pictures.
        threshold: Probability of the likeliest class from which a picture counts.
    """

    summary: ClassVar[str] = "Strong views of unlabeled pictures are trained on the confident class of weak ones"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 3
    unlabeled_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.95

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        labeled, weak, strong = scores_by_view(learner, batch)
        targets = confident_targets(weak.softmax(dim=1), self.threshold)
        return {
            "cross_entropy": soft_cross_entropy(labeled, batch["train"].targets),
            "fix_match": self.unlabeled_weight * soft_cross_entropy(strong, targets),
        }
