"""LP-FT: fine-tuning that starts from a fitted linear head."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.views import ViewName, view_of
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import GradientMethod
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.ridge_start import start_from_ridge
from headstart.training.settings import Training


@final
class LpFt(GradientMethod):
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

    Attributes:
        depth: How far training may reach down: "middle" trains what lies behind the middle of the network's work, "early" goes on
            from there to what lies behind its first third, where rows can be held out only if it helps on them, "late"
            trains the last seventh; "all" trains everything at once, as in the paper.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
        body_scale: Step size of the backbone's last stage as a multiple of the head's (Clark et al., "ELECTRA", ICLR 2020,
            and Kumar et al. take smaller steps below the head; half of it here).
        stage_decay: Factor from each stage to the one before it (layer-wise decay: Bao et al., "BEiT", ICLR 2022).
    """

    summary: ClassVar[str] = "Fine-tuning from a fitted linear head, earlier stages in smaller steps"

    depth: Depth = "middle"
    view: ViewName = "weak"
    flip: bool = False
    body_scale: Annotated[float, Field(gt=0, le=1), Searched(0.05, 1.0)] = 0.5
    stage_decay: Annotated[float, Field(gt=0, le=1), Searched(0.4, 1.0)] = 0.7

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        frozen = backbone.weights != "none"
        learner = Classifier(backbone, task.num_classes, frozen, self.body_scale, self.stage_decay)
        return start_from_ridge(learner, task.train)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}
