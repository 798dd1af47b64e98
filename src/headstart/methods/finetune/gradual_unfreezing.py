"""Gradual unfreezing: from a fitted linear head, one stage more trained at a time, the last first."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.core.ranges import Searched
from headstart.data.task import Task
from headstart.methods._fine_tuning import FineTuning
from headstart.methods.base import Need
from headstart.training.depth import every_cut
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training


@final
class GradualUnfreezing(FineTuning):
    """Trains what lies behind the last stage, then one stage more at a time, each phase starting from the one before.

    Early stages are only touched once the later ones and the head fit the task, so that they are not distorted by large errors.
    It differs from lp_ft with depth = "early" by its number of phases: one a stage. The phases share the epochs; what is frozen
    in a phase is computed once. Where rows can be held out, training ends at the first phase that does not help on them.

    Needs: labeled rows, weights worth keeping, and a network that can be cut behind a stage. On random weights everything is
    trained at once.
    Helps: with few rows, when it is not known how deep training should reach.
    Hurts: when epochs are few: each phase gets its share alone.

    Reference: Howard & Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018, sections 3.2 and 3.3.
    Differs: the head is fitted in closed form; each phase has its own warm-up and cosine; what lies before the first stage's end
        stays frozen.

    Attributes:
        stage_decay: Factor on the step size from each stage to the one before it; Howard & Ruder divide by 2.6 from layer to
            layer.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "stages")

    stage_decay: Annotated[float, Field(gt=0, le=1), Searched(0.2, 1.0)] = 0.385

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        cuts = every_cut(backbone)
        if not cuts and backbone.weights != "none":
            raise PlanError(
                f"gradual_unfreezing cuts a network behind its stages, and {backbone.card.name} cannot be cut behind any. "
                "Choose layerwise_decay."
            )
        return cuts

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return fitted_classifier(backbone, task.train, stage_decay=self.stage_decay)
