"""Fine-tuning: what the methods share that train on labeled pictures of the target alone."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.augmentation.views import ViewName, view_of
from headstart.data.corruptions.base import Family
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods import METHODS
from headstart.methods._staged import Staged
from headstart.methods.base import GradientMethod, Method, Need
from headstart.training.batches import Batch
from headstart.training.depth import cut_before, weights_by_stage
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training

SHARE_KEPT = 0.5
"""Of the trained weights, in a model that is to stand pictures that get worse."""


class FineTuning(GradientMethod):
    """A method that trains a classifier on labeled pictures; its head starts at the ridge solution unless it says otherwise.

    Attributes:
        view: How pictures are varied; "weak" moves and crops them as `RandomResizedCrop` does.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
    """

    starts_from_features: ClassVar[bool] = True

    view: ViewName = "weak"
    flip: bool = False

    def robust(self, families: tuple[Family, ...]) -> Method:
        """See `Method.robust`: half of the way back to the weights it began with, whatever corruptions there are.

        Reference: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022, section 4 (a share of one half
            where nothing tells a better one).
        """
        wise = METHODS.get("wise_ft")
        shared = {name: value for name, value in self.model_dump().items() if name in wise.model_fields}
        return wise.model_validate({**shared, "share": SHARE_KEPT})

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return fitted_classifier(backbone, task.train)

    def losses(self, learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}


class StagedFineTuning(FineTuning, Staged):
    """A method that trains behind one stage after the other."""


class ScaledFineTuning(StagedFineTuning):
    """A method that trains earlier stages in smaller steps.

    Attributes:
        body_scale: Step size of the backbone's last stage as a multiple of the head's (Clark et al., "ELECTRA", ICLR 2020, and
            Kumar et al., "LP-FT", ICLR 2022, take smaller steps below the head; half of it here).
        stage_decay: Factor on the step size from each stage to the one before it (layer-wise decay: Bao et al., "BEiT", ICLR
            2022).
    """

    body_scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    stage_decay: Annotated[float, Field(gt=0, le=1)] = 0.7

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return fitted_classifier(backbone, task.train, self.body_scale, self.stage_decay)


class WeightSubset(StagedFineTuning):
    """A method that trains some weights all over the network, and a head.

    Attributes:
        trained: What these weights are, for messages.
    """

    trained: ClassVar[str]

    @abstractmethod
    def weights(self, backbone: Backbone) -> list[nn.Parameter]:
        """Those weights of a backbone."""

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        weights = self.weights(backbone)
        if not weights:
            raise PlanError(
                f"{self.kind()} trains {self.trained}, and {backbone.card.name} has none. Choose another network, or lp_ft."
            )
        learner = super().build(task, backbone, training)
        learner.freeze_all_but(weights)
        return learner


class StageSubset(FineTuning):
    """A method that trains some stages of the network, and a head. Nothing stays frozen on random weights.

    Attributes:
        body_scale: Step size of the trained stages as a multiple of the head's.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "stages")

    body_scale: Annotated[float, Field(gt=0, le=1)] = 0.5

    @abstractmethod
    def trained_stages(self, backbone: Backbone) -> list[str]:
        """The names of the trained stages, in depth order."""

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return cut_before(backbone, self.trained_stages(backbone)[0]) if backbone.weights != "none" else ()

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = fitted_classifier(backbone, task.train, self.body_scale)
        if backbone.weights != "none":
            by_stage = weights_by_stage(backbone)
            learner.freeze_all_but(weight for stage in self.trained_stages(backbone) for weight in by_stage[stage])
        return learner
