"""Depth: how far down a network is trained, in the words of methods and plans."""

from __future__ import annotations

from typing import Literal, TypeAlias

from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import Boundary, cuts_of
from headstart.core.errors import PlanError

Depth: TypeAlias = Literal["late", "middle", "early", "third", "all"]
"""What is trained: the last seventh of the network's work; what lies behind its middle; from there on what lies behind its first
third; that at once; everything at once."""

SHARES: dict[Depth, tuple[float, ...]] = {"late": (0.85,), "middle": (0.6,), "early": (0.6, 0.3), "third": (0.3,), "all": ()}
"""Shares of a network's work that are left as they are, in turn. EfficientNet-Lite0 is cut behind blocks 5, 4 and 2, as in the
measurements."""


def stages_behind(backbone: Backbone, depth: Depth) -> tuple[str, ...]:
    """The stages behind which training goes on in turn, the latest first.

    None for "all", and for a network with random weights, whose first part would stay random.
    """
    return cuts_of(backbone, SHARES[depth]) if backbone.weights != "none" else ()


def weights_by_stage(backbone: Backbone) -> dict[str, list[nn.Parameter]]:
    """The weights that lie in each stage, by its name, in depth order, without the network's own classifier.

    What lies behind the last stage is "penultimate". No stage is without weights.
    """
    found: dict[str, list[nn.Parameter]] = {}
    names = iter(backbone.stage_names)
    stage = next(names)
    for block, weights in backbone.parameter_blocks():
        found.setdefault(stage, []).extend(weights)
        if block == stage:
            stage = next(names)
    return found


def weights_behind(backbone: Backbone, stage: str) -> list[nn.Parameter]:
    """The weights that lie behind a stage, without the network's own classifier."""
    by_stage = weights_by_stage(backbone)
    names = list(by_stage)
    return [weight for name in names[names.index(stage) + 1 :] for weight in by_stage[name]]


def every_cut(backbone: Backbone) -> tuple[str, ...]:
    """All stages behind which a backbone can be cut, the latest first; none where its weights are random."""
    if backbone.weights == "none":
        return ()
    return tuple(stage for stage in reversed(backbone.stage_names[:-1]) if _can_be_cut(backbone, stage))


def cut_before(backbone: Backbone, stage: str) -> tuple[str, ...]:
    """The latest stage before that one behind which a backbone can be cut; none where there is none."""
    before = backbone.stage_names[: backbone.stage_names.index(stage)]
    return next(((name,) for name in reversed(before) if _can_be_cut(backbone, name)), ())


def _can_be_cut(backbone: Backbone, stage: str) -> bool:
    try:
        Boundary(backbone, stage)
    except PlanError:
        return False
    return True
