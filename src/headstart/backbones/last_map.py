"""The last map of a network, which its penultimate features are averaged from."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.hooks import hooked
from headstart.backbones.row_shards import whole_rows
from headstart.backbones.stages import Stage
from headstart.backbones.trace import first_tensor
from headstart.core.errors import PlanError


def map_stage(backbone: Backbone) -> Stage:
    """The last stage whose output has places; `PlanError` where all outputs are sequences or vectors."""
    last = backbone.anatomy.last_map or next(reversed(backbone.anatomy.stages), None)
    if last is None or last.layout not in ("channels first", "channels last"):
        raise PlanError(f"{backbone.card.name} ends in no map of places. Choose a convolutional network, or sim_clr.")
    return last


def last_map(backbone: Backbone, inputs: Tensor) -> Tensor:
    """The output of `map_stage` for normalized pictures, with gradients, float [batch, channel, height, width]."""
    stage = map_stage(backbone)
    found: list[Any] = []

    def keep(module: nn.Module, args: Any, result: Any) -> None:
        output = first_tensor(result)
        found.append(output if output is None else whole_rows(output))

    with hooked([backbone.module.get_submodule(stage.name).register_forward_hook(keep)]):
        backbone.of_input(inputs)
    tensor: Tensor = found[stage.nth]
    return tensor if stage.layout == "channels first" else tensor.permute(0, 3, 1, 2)
