"""Surgical fine-tuning: one chosen stage trained from a fitted linear head, all others frozen."""

from __future__ import annotations

from typing import final

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError, did_you_mean
from headstart.methods._fine_tuning import StageSubset
from headstart.training.depth import weights_by_stage


@final
class Surgical(StageSubset):
    """Trains one chosen stage of the network and a head that starts at the ridge solution; all other stages stay as they are.

    The stage to choose is the one at which source and target differ: the first where pictures look different (noise, color,
    sharpness), a middle one where parts of things do, the last where known objects have other labels. What lies before the
    stage is computed once, so a late one is cheap. With stage = "last" it is partial with num_stages = 1.

    Needs: labeled rows, weights worth keeping, and a network with stages. Nothing stays frozen on random weights.
    Helps: with few rows, where the pictures differ from those of the source in one respect.
    Hurts: where much must change at once; choose lp_ft there.

    Reference: Lee et al., "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts", ICLR 2023, section 2.
    Differs: the classes are new, so a head is trained in any case; it starts at the ridge solution.

    Attributes:
        stage: "first", "middle", "last", or the name of a stage, as errors list them.
    """

    stage: str = "middle"

    def trained_stages(self, backbone: Backbone) -> list[str]:
        stages = list(weights_by_stage(backbone))
        places = {"first": stages[0], "middle": stages[len(stages) // 2], "last": stages[-1]}
        chosen = places.get(self.stage, self.stage)
        if chosen not in stages:
            near = did_you_mean(self.stage, [*places, *stages])
            raise PlanError(
                f'surgical.stage = "{self.stage}" is not a stage of {backbone.card.name}.{near} '
                f"Choose first, middle, last, or one of {', '.join(stages)}."
            )
        return [chosen]
