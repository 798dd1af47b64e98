"""Integrated Grad-CAM: the gradient of a class along a path of a network's maps, from the replaced picture to the whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from headstart.attribution.maps.base import MapMethod
from headstart.attribution.resized import resized_maps
from headstart.core.types import Floats, Integers
from headstart.data.masked import MaskedImages
from headstart.methods.model import Model

if TYPE_CHECKING:  # to predict takes no PyTorch
    from headstart.backbones.stages import Stage

SIDE = 14
"""Side of the maps: those of several networks are brought to it and added."""
FEWEST_PLACES = 10
"""Rows of the map that is taken, and columns: of EfficientNet-Lite0 at 96 pixels the stage with 12, at 224 that with 14."""
STEPS = 6
"""Points of the path."""
BATCH_ROWS = 16


@final
class IntegratedGradCAM(MapMethod):
    """Adds up the gradient of the class's log-odds on the way of a map from the replaced picture to the whole one.

    All values together are what the log-odds change on that way, so that nothing is left out, as far as the head sees that map.

    Needs: a network with a map inside, as convolutional ones, and a head with a gradient: not nearest neighbors.
    Helps: seven passes forward and six back, where RISE takes 100 predictions; finer maps than Grad-CAM.
    Hurts: what a head sees of earlier stages is not in it; the map says what the network makes of a place, not what is there.

    Reference: Sattarzadeh et al., "Integrated Grad-CAM", ICASSP 2021, eq. 5; Sundararajan, Taly & Yan, "Axiomatic attribution for
        deep networks", ICML 2017, eqs. 1-3.
    Differs: the path is straight in the space of the map, not of the picture; it begins at the replaced picture, not at black; an
        inner map is taken, and gradients count at each place instead of their mean.
    """

    title: ClassVar[str] = "Integrated Grad-CAM"
    idea: ClassVar[str] = "how much a place of the network's map adds to the log-odds of the class"

    @property
    def passes(self) -> int:
        return 3 * (2 + STEPS)

    def unmet(self, model: Model) -> str:
        from headstart.attribution.gradients import why_no_gradient  # noqa: PLC0415

        return why_no_gradient(model)

    def maps(self, model: Model, pictures: MaskedImages, labels: Integers) -> Floats:
        from headstart.attribution.gradients import stages_of  # noqa: PLC0415

        made, stages = np.zeros((len(labels), SIDE, SIDE)), stages_of(model, FEWEST_PLACES)
        for start in range(0, len(labels), BATCH_ROWS):
            part = np.arange(start, min(start + BATCH_ROWS, len(labels)))
            made[part] = _integrated(model, pictures.take(part), labels[part], stages)
        return made


def _integrated(model: Model, pictures: MaskedImages, labels: Integers, stages: list[Stage]) -> Floats:
    """The maps of a batch, float64 [picture, row, column]."""
    from headstart.attribution.gradients import gradients_at  # noqa: PLC0415

    rows = np.arange(len(pictures))
    replaced = pictures.masked(pictures.sources, np.ones((len(rows), 1, 1), bool))
    whole, empty = ({side: one.squares(rows, side) for side in pictures.whole} for one in (pictures, replaced))
    ends, begins = gradients_at(model, whole, labels, stages), gradients_at(model, empty, labels, stages)
    ways = [end.values.detach() - begin.values.detach() for end, begin in zip(ends, begins, strict=True)]
    made = np.zeros((len(rows), SIDE, SIDE))
    for share in (np.arange(STEPS) + 0.5) / STEPS:
        values = [begin.values.detach() + share * way for begin, way in zip(begins, ways, strict=True)]
        for inside, way in zip(gradients_at(model, whole, labels, stages, values), ways, strict=True):
            made += resized_maps((inside.places(way) * inside.places(inside.gradient)).sum(axis=1), SIDE) / STEPS
    return made
