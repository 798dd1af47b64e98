"""LwF: fine-tuning that keeps what the network's own classifier says of the new pictures."""

from __future__ import annotations

import copy
from typing import Annotated, ClassVar, cast, final

from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.source_head import source_head_of, write_source_head
from headstart.core.ranges import Searched
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.distillation import distillation
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.methods.base import Need
from headstart.methods.model import Model
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.settings import Training
from headstart.training.teacher import Teacher


@final
class Lwf(ScaledFineTuning):
    """Fine-tunes with two heads: the task's on its labels, and the network's own on its earlier predictions.

    The source task is thus retained without any source data. The source classifier is kept: the deployed model can still do the
    source task.

    Needs: labeled rows, and the classifier that the network was trained with.
    Helps: where the source task must go on working; with few rows, where retaining it keeps features from drifting.
    Hurts: where the task's pictures are unlike the source's, as source predictions for them tell little and only restrain
        training.

    Reference: Li & Hoiem, "Learning without Forgetting", ECCV 2016, section 3, eqs. 2 to 4.
    Differs: the head starts at the ridge solution, which takes the place of the warm-up; what the source network says is asked
        again for every view; the distillation loss is multiplied by the squared temperature.

    Attributes:
        weight: Of what is held on to, lambda_o in the paper, which uses 1.
        temperature: At which scores are compared; the paper uses 2.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source_classes")

    weight: Annotated[float, Field(ge=0, le=100), Searched(0.1, 10)] = 1.0
    temperature: Annotated[float, Field(gt=0, le=100), Searched(1, 5)] = 2.0

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = super().build(task, backbone, training)
        learner.extra = _SourceTask(Teacher(learner), source_head_of(learner.backbone.eval()))
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source = cast(_SourceTask, learner.extra)
        features = learner.features(batch["train"].images)
        remembered = source.remembered(learner, batch["train"].images)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(features), batch["train"].targets),
            "distillation": self.weight * distillation(source.head(features), remembered, self.temperature),
        }

    def deploy(self, learner: Classifier, task: Task) -> Model:
        model = super().deploy(learner, task)
        write_source_head(model.backbone.network, cast(_SourceTask, learner.extra).head)
        model.backbone.network.refreshed().source_classes = True
        return model


class _SourceTask(nn.Module):
    """The source classifier, to be trained along, and the network as it came."""

    def __init__(self, teacher: Teacher, head: nn.Linear) -> None:
        super().__init__()
        self.teacher = teacher
        self.head = head
        self.first_head = copy.deepcopy(head).requires_grad_(False)

    def remembered(self, learner: Classifier, inputs: Tensor) -> Tensor:
        """The logits of the network before training, [batch, source class]."""
        logits: Tensor = self.first_head(self.teacher.features(learner, inputs))
        return logits
