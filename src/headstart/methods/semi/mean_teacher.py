"""Mean Teacher: predictions for unlabeled pictures follow those of the network's running average."""

from __future__ import annotations

from typing import Annotated, ClassVar, cast, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.augmentation.views import ViewName
from headstart.data.task import Task
from headstart.losses.consistency import squared_difference
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._semi_supervised import SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.ramps import gaussian_ramp
from headstart.training.settings import Training
from headstart.training.teacher import Teacher
from headstart.training.unlabeled_streams import learner_with_memory, scores_of

RAMP_END = 0.27
"""Share of the training over which the weight grows: 40,000 of 150,000 steps."""


@final
class MeanTeacher(SemiSupervised):
    """Trains on labeled pictures and asks that predictions for an unlabeled one agree with those of a teacher on another view.

    The teacher is the running average of the network's weights, which is steadier and mostly better than the network.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: as pi_model does, a little more, with hundreds of steps.
    Hurts: seldom; in short trainings the teacher hardly differs from the network.

    Reference: Tarvainen & Valpola, "Mean teachers are better role models", NeurIPS 2017, section 2 and appendix B.1.
    Differs: labeled pictures are not asked to agree; the decay does not change over the training but for its first steps; what
        is deployed is the average that the training itself keeps.

    Attributes:
        unlabeled_weight: Largest weight of the difference; 100 in the paper.
        decay: Of the teacher's weights a step; 0.99 while the paper's weight grows, 0.999 later.
    """

    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak", "weak")

    unlabeled_weight: Annotated[float, Field(ge=0, le=100)] = 10.0
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.99

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = learner_with_memory(backbone, task)
        learner.extra = Teacher(learner)
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = cast(Teacher, learner.extra)
        train, pool = batch["train"], batch["unlabeled"]
        labeled, student = scores_of(learner, train.images, pool.images)
        teacher = memory(learner, pool.also[0]).softmax(dim=1)
        weight = self.unlabeled_weight * gaussian_ramp(progress, RAMP_END)
        return {
            "cross_entropy": soft_cross_entropy(labeled, train.targets),
            "consistency": weight * squared_difference(student.softmax(dim=1), teacher),
        }

    def after_step(self, learner: Classifier, step: int) -> None:
        memory = cast(Teacher, learner.extra)
        memory.update(learner, min(self.decay, 1 - 1 / (step + 1)))
