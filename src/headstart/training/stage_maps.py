"""Stage maps: what a classifier's stages put out on its way from pictures to features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from headstart.backbones.hooks import hooked
from headstart.backbones.row_shards import whole_rows
from headstart.backbones.stages import Stage
from headstart.backbones.trace import Layout, first_tensor
from headstart.training.learner import Classifier


@dataclass(frozen=True)
class StageMap:
    """The output of one stage.

    Attributes:
        output: As the stage puts it out, still part of the graph that leads to the logits.
        layout: How its axes are meant.
    """

    output: Tensor
    layout: Layout

    def by_channel(self, tensor: Tensor | None = None) -> Tensor:
        """The output, or a tensor of its shape such as its gradient, as [batch, channel, place]."""
        values = (self.output if tensor is None else tensor).float()
        if self.layout == "channels first":
            return values.flatten(2)
        return values.unsqueeze(2) if self.layout == "flat" else values.flatten(1, -2).transpose(1, 2)


@contextmanager
def watched_stages(learner: Classifier) -> Iterator[dict[str, StageMap]]:
    """The maps of the one forward pass that is made inside, by name, filled as the pass goes on.

    Frozen stages are not run, and not among them. The last map is the one before the average over places, or the penultimate
    features where the network shows no such map.
    """
    maps: dict[str, StageMap] = {}
    handles = [
        learner.backbone.module.get_submodule(stage.name).register_forward_hook(_keep(maps, name, stage))
        for name, stage in _running_stages(learner).items()
    ]
    if learner.backbone.anatomy.last_map is None:
        handles.append(learner.head.register_forward_pre_hook(_keep_features(maps)))
    with hooked(handles):
        yield maps


def _running_stages(learner: Classifier) -> dict[str, Stage]:
    anatomy, names = learner.backbone.anatomy, learner.backbone.stage_names
    stages = dict(zip(names[:-1], anatomy.stages, strict=True))
    if anatomy.last_map is not None:
        stages[names[-1]] = anatomy.last_map
    first = names.index(learner.boundary.stage) + 1 if learner.boundary else 0
    return {name: stages[name] for name in names[first:] if name in stages}


def _keep(maps: dict[str, StageMap], name: str, stage: Stage) -> Any:
    calls = [0]

    def hook(module: nn.Module, args: Any, result: Any) -> None:
        output = first_tensor(result)
        if calls[0] == stage.nth and output is not None:
            maps[name] = StageMap(whole_rows(output), stage.layout)
        calls[0] += 1

    return hook


def _keep_features(maps: dict[str, StageMap]) -> Any:
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        maps["penultimate"] = StageMap(args[0], "flat")

    return hook
