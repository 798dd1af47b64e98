"""Depth: how far down a network is trained, in the words of methods and plans."""

from __future__ import annotations

from typing import Literal, TypeAlias

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import cuts_of

Depth: TypeAlias = Literal["late", "middle", "early", "all"]
"""What is trained: the last seventh of the network's work; what lies behind its middle; from there on what lies behind its first
third; everything at once."""

SHARES: dict[Depth, tuple[float, ...]] = {"late": (0.85,), "middle": (0.6,), "early": (0.6, 0.3), "all": ()}
"""Of a network's work, what is left as it is. EfficientNet-Lite0 is cut behind blocks 5, 4 and 2, as in the measurements."""


def stages_behind(backbone: Backbone, depth: Depth) -> tuple[str, ...]:
    """The stages behind which training goes on in turn, the latest first.

    Args:
        backbone: What is trained.
        depth: How far down.

    Returns:
        None for "all", and for a network with random weights, whose first part would stay random.
    """
    return cuts_of(backbone, SHARES[depth]) if backbone.weights != "none" else ()
