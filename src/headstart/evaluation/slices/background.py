"""Background: the color along a picture's border."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.evaluation.slices.base import NamedAttribute, OfPictures, SliceInputs

BORDER = 0.05
"""Width of the border as a share of the shorter side. Chosen, not measured."""
DARK, LIGHT = 0.25, 0.8
"""Values below and above which a color with little saturation is black and white."""
COLORED = 0.2
"""Saturation from which on a color has a hue."""
HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")


class Background(NamedAttribute, OfPictures):
    """The median color of the border: black, gray, white, or one of six hues."""

    title: ClassVar[str] = "Background color"

    @staticmethod
    def of_picture(picture: Floats) -> str:
        height, width, channels = picture.shape
        edge = max(1, round(BORDER * min(height, width)))
        inside = np.zeros((height, width), bool)
        inside[edge : height - edge, edge : width - edge] = True
        red, green, blue = np.median(picture[~inside].reshape(-1, channels), axis=0) / 255
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        if value < DARK:
            return "black"
        if saturation < COLORED:
            return "white" if value > LIGHT else "gray"
        return HUES[round(hue * len(HUES)) % len(HUES)]

    def names(self, inputs: SliceInputs) -> Sequence[str] | None:
        return inputs.measured.get("background")

    def phrase(self, name: str) -> str:
        return f"images with a {name} background"
