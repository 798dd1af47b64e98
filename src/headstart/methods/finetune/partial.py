"""Partial: the last stages are trained, the rest stays as it is."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.core.ranges import Searched
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.views import ViewName, view_of
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import cut_before, weights_by_stage
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training


@final
class Partial(GradientMethod):
    """Trains the last stages of the network and a head that starts at the ridge solution; earlier stages stay as they are.

    Late layers are the ones that serve the source task; early ones are useful to most tasks. What the frozen part makes of a
    picture is computed once, so that one stage costs a small part of the time of all. It differs from lp_ft by counting stages
    where that counts work, and by one step size below the head.

    Needs: labeled rows, weights worth keeping, and a network with stages. Nothing stays frozen on random weights.
    Helps: with few rows, or little time, on weights whose early layers suit the task.
    Hurts: where pictures look unlike those of the source (other colors, other sharpness): the early stages are what must change;
        choose surgical with stage = "first" there.

    Reference: Yosinski et al., "How transferable are features in deep neural networks?", NeurIPS 2014, section 4 (freezing the
        first n layers).
    Differs: the head starts at the ridge solution, and batch normalization of pretrained weights keeps its statistics.

    Attributes:
        num_stages: How many are trained, counted from the end.
        body_scale: Step size of the trained stages as a multiple of the head's.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
    """

    summary: ClassVar[str] = "The last stages trained from a fitted linear head, the rest frozen and looked at once"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "stages")

    num_stages: Annotated[int, Field(ge=1, le=9), Searched(1, 4)] = 2
    body_scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    view: ViewName = "weak"
    flip: bool = False

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return cut_before(backbone, self._trained(backbone)[0]) if backbone.weights != "none" else ()

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = fitted_classifier(backbone, task.train, self.body_scale)
        if backbone.weights != "none":
            by_stage = weights_by_stage(backbone)
            learner.freeze_all_but(weight for stage in self._trained(backbone) for weight in by_stage[stage])
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}

    def _trained(self, backbone: Backbone) -> list[str]:
        """The names of the trained stages, in depth order."""
        stages = list(weights_by_stage(backbone))
        if self.num_stages > len(stages):
            raise PlanError(
                f"partial.num_stages = {self.num_stages}, and {backbone.card.name} has {len(stages)} stages. Choose at most "
                f"{len(stages)}, or lp_ft with depth = all."
            )
        return stages[-self.num_stages :]
