"""LP-FT: fine-tuning from a fitted linear head, earlier stages in smaller steps."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.data.task import Task
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.training.learner import Classifier
from headstart.training.ridge_start import start_from_ridge
from headstart.training.settings import Training


@final
class LpFt(ScaledFineTuning):
    """Fits the head to frozen features first, then trains head and backbone together with small steps.

    A fitted head has small gradients from the first step on, so that good features are not distorted on the way. The head is
    the ridge solution on penultimate features divided by its leave-one-out temperature: before the first step the model
    predicts what ridge predicts. Batch normalization of pretrained weights keeps its statistics.

    Needs: labeled rows, and weights worth keeping.
    Helps: with five to a few hundred rows a class on weights whose features are near the task.
    Hurts: where the weights know nothing of the task; then train from scratch.

    The model's temperature is 1: training scores must not set it. Whoever has held-out scores replaces it.

    Reference: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022,
        section 4 (LP-FT).
    Differs: the linear probe is ridge with its leave-one-out temperature, and earlier stages take smaller steps.
    """

    tried_by_run: ClassVar[bool] = True

    body_scale: Annotated[float, Field(gt=0, le=1), Searched(0.05, 1.0)] = 0.5
    stage_decay: Annotated[float, Field(gt=0, le=1), Searched(0.4, 1.0)] = 0.7

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        frozen = backbone.weights != "none"
        learner = Classifier(backbone, task.num_classes, frozen, self.body_scale, self.stage_decay)
        return start_from_ridge(learner, task.train)
