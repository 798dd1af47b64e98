"""StochNorm: fine-tuning with batch normalization that draws whose statistics it uses."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.views import ViewName, view_of
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import GradientMethod, Need
from headstart.methods.model import Model
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training
from headstart.training.stochastic_norm import make_plain, make_stochastic


@final
class StochNorm(GradientMethod):
    """Fine-tunes with batch normalization that uses, channel by channel and step by step, the batch's or the moving statistics.

    The draw varies what later layers see, as dropout does, and lets the moving statistics of the source, which follow the
    task's slowly, act from the first step on. What is deployed has plain batch normalization.

    Needs: labeled rows, weights worth keeping, a network with batch normalization, and batches of two rows or more.
    Helps: with few rows, where training otherwise fits them by heart; where the task's statistics differ from the source's.
    Hurts: in small batches, whose statistics are noise; choose lp_ft there.

    Reference: Kou et al., "Stochastic Normalization", NeurIPS 2020, section 3.
    Differs: the head starts at the ridge solution; statistics of frozen stages stay.

    Attributes:
        batch_share: Probability that a channel uses the batch's statistics, p in the paper, which uses 0.5.
        depth: How far training may reach down, as in lp_ft.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
        body_scale: Step size of the backbone's last stage as a multiple of the head's, as in lp_ft.
        stage_decay: Factor from each stage to the one before it, as in lp_ft.
    """

    summary: ClassVar[str] = "Fine-tuning with batch normalization that mixes batch and moving statistics at random"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "batch_norm")

    batch_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    depth: Depth = "middle"
    view: ViewName = "weak"
    flip: bool = False
    body_scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    stage_decay: Annotated[float, Field(gt=0, le=1)] = 0.7

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        if training.batch_size < 2:
            raise PlanError(
                "stoch_norm takes statistics of batches, and training.batch_size = 1 leaves none. Set it to 2 or more, better 16."
            )
        learner = fitted_classifier(backbone, task.train, self.body_scale, self.stage_decay)
        make_stochastic(learner.backbone.module, self.batch_share)
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}

    def deploy(self, learner: Classifier, task: Task) -> Model:
        make_plain(learner.backbone.module)
        return super().deploy(learner, task)
