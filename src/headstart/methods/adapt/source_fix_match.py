"""FixMatch with source labels: strong views of target pictures are trained on the confident class of weak views."""

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
class SourceFixMatch(GradientMethod):
    """Does what fix_match does, with the labels of another domain.

    Target pictures whose class is sure in a weak view teach it for strong views; nothing is aligned.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: where the source's labels are right on a part of the target at once, from which the rest follows.
    Hurts: where sure predictions on the target are wrong, which labels of another domain bring about more often: all target
        pictures may end up in one class (docs/across-domains.md).

    Reference: Sohn et al., "FixMatch", NeurIPS 2020, eqs. 3 and 4.
    Differs: labeled pictures are those of the source; strong views change colors and hide a square in place of RandAugment;
        training starts from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        weight: Of the loss on target pictures.
        threshold: Probability of the likeliest class from which a picture counts.
    """

    summary: ClassVar[str] = "FixMatch whose labels are those of the source"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 1
    weight: Annotated[float, Field(ge=0, le=10)] = 1.0
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
            "fix_match": self.weight * soft_cross_entropy(strong, targets),
        }
