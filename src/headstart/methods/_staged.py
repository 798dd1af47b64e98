"""What the gradient methods share that start from the ridge head and train behind one stage after the other."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.methods.base import GradientMethod
from headstart.training.depth import Depth, stages_behind
from headstart.training.domain_streams import check_rows_a_step
from headstart.training.learner import Classifier
from headstart.training.settings import Training
from headstart.training.unlabeled_streams import learner_with_memory


class Staged(GradientMethod):
    """A method that starts from the ridge head and trains behind one stage after the other, as far down as `depth` says.

    Attributes:
        batch_statistics: Whether the losses compare the rows of a batch, so that a batch of one is refused.
        depth: How far training may reach down: "middle" trains what lies behind the middle of the network's work, "early" goes on
            from there to what lies behind its first third (where rows can be held out, only if it helps on them), "third" trains
            that at once, "late" the last seventh, "all" everything.
        flip: Whether varied views mirror half of the pictures; off, as mirroring changes the class of digits and text.
    """

    starts_from_features: ClassVar[bool] = True
    batch_statistics: ClassVar[bool] = False

    depth: Depth = "middle"
    flip: bool = False

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def memory(self, task: Task, backbone: Backbone) -> nn.Module | None:
        """What is trained or remembered beside the classifier, made before it; see `Classifier.extra`."""
        return None

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        if self.batch_statistics:
            check_rows_a_step(self.kind(), training)
        return learner_with_memory(backbone, task, self.memory(task, backbone))
