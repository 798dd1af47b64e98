"""Partial: the last stages trained from a fitted linear head, the rest frozen and looked at once."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.core.ranges import Searched
from headstart.methods._fine_tuning import StageSubset
from headstart.training.depth import weights_by_stage


@final
class Partial(StageSubset):
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
    """

    num_stages: Annotated[int, Field(ge=1, le=9), Searched(1, 4)] = 2

    def trained_stages(self, backbone: Backbone) -> list[str]:
        stages = list(weights_by_stage(backbone))
        if self.num_stages > len(stages):
            raise PlanError(
                f"partial.num_stages = {self.num_stages}, and {backbone.card.name} has {len(stages)} stages. Choose at most "
                f"{len(stages)}, or lp_ft with depth = all."
            )
        return stages[-self.num_stages :]
