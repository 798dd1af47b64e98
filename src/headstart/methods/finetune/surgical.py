"""Surgical fine-tuning: one stage is trained, the rest stays as it is."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError, did_you_mean
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
class Surgical(GradientMethod):
    """Trains one chosen stage of the network and a head that starts at the ridge solution; all other stages stay as they are.

    The stage to choose is the one at which source and target part: the first where pictures look different (noise, color,
    sharpness), a middle one where parts of things do, the last where known things bear other names. What lies before the stage
    is computed once, so a late one is cheap. With stage = "last" it is partial with num_stages = 1.

    Needs: labeled rows, weights worth keeping, and a network with stages. Nothing stays frozen on random weights.
    Helps: with few rows, where the pictures differ from those of the source in one respect.
    Hurts: where much must change at once; choose lp_ft there.

    Reference: Lee et al., "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts", ICLR 2023, section 2.
    Differs: the classes are new, so a head is trained in any case; it starts at the ridge solution.

    Attributes:
        stage: "first", "middle", "last", or the name of a stage, as errors list them.
        body_scale: Step size of the stage as a multiple of the head's.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
    """

    summary: ClassVar[str] = "One chosen stage trained from a fitted linear head, all others frozen"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "stages")

    stage: str = "middle"
    body_scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    view: ViewName = "weak"
    flip: bool = False

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return cut_before(backbone, self._chosen(backbone)) if backbone.weights != "none" else ()

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = fitted_classifier(backbone, task.train, self.body_scale)
        if backbone.weights != "none":
            learner.freeze_all_but(weights_by_stage(backbone)[self._chosen(backbone)])
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}

    def _chosen(self, backbone: Backbone) -> str:
        """The name of the trained stage."""
        stages = list(weights_by_stage(backbone))
        places = {"first": stages[0], "middle": stages[len(stages) // 2], "last": stages[-1]}
        chosen = places.get(self.stage, self.stage)
        if chosen not in stages:
            near = did_you_mean(self.stage, [*places, *stages])
            raise PlanError(
                f'surgical.stage = "{self.stage}" is not a stage of {backbone.card.name}.{near} '
                f"Choose first, middle, last, or one of {', '.join(stages)}."
            )
        return chosen
