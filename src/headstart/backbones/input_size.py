"""Input size: the side that pictures are resized to for a network."""

from __future__ import annotations

from headstart.backbones.catalog import provider_of
from headstart.backbones.pretrained import Pretrained
from headstart.data.task import Task

SIDES = ((32, 96), (64, 160))
"""(native side up to, input side). Emoji of 64 pixels gain 3 points from 128 to 160, and 1 more from 160 to 224 at twice the
time; `decide` tries the network's own side where the budget allows it."""


def input_pixels_for(card: Pretrained, task: Task) -> int:
    """The input side for a network on a task's pictures.

    It is 96 for pictures of up to 32 pixels and 160 for up to 64, but no more than the side the network was trained on and no
    less than it takes. For larger pictures and feature vectors it is the side the network was trained on. Raw pixels and the
    small network take the native side.
    """
    return side_for(card, task.native_pixels)


def side_for(card: Pretrained, native_pixels: int) -> int:
    """The same where there is no task: from the median of the pictures' shorter sides, 0 where they have none."""
    kind = provider_of(card).input_side
    if kind == "card" or native_pixels <= 0:
        return card.input_pixels
    if kind == "native":
        return max(min(native_pixels, card.input_pixels), card.smallest_pixels)
    for native, side in SIDES:
        if native_pixels <= native:
            return max(min(side, card.input_pixels), card.smallest_pixels)
    return card.input_pixels
