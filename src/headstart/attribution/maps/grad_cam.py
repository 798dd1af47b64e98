"""Grad-CAM: the channels of a network's last map, weighted by the gradient of a class."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.attribution.maps.base import MapMethod
from headstart.attribution.resized import resized_maps
from headstart.core.types import Floats, Integers
from headstart.data.masked import MaskedImages
from headstart.methods.model import Model

SIDE = 14
"""Side of the maps: those of several networks are brought to it and added."""
BATCH_ROWS = 16


@final
class GradCAM(MapMethod):
    """Weighs the channels of the last map of each network by the gradient of the class's log-odds, and adds them up.

    The gradient goes through the model's own head, on whatever features it sees, and through all members of an ensemble.

    Needs: a network with a map inside, as convolutional ones, and a head with a gradient: not nearest neighbors.
    Helps: one pass forward and a short one back, where RISE takes 100 predictions.
    Hurts: often no better than chance with a frozen network; see `benchmarks/deletion_curves.py`. The last map is coarse, and
        what a head sees of earlier stages is not in it.

    Reference: Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based localization", ICCV 2017,
        eqs. 1-2.
    Differs: log-odds take the place of the score before the softmax; negative values stay.
    """

    title: ClassVar[str] = "Grad-CAM"
    idea: ClassVar[str] = "how much the network's last map at a place raises the log-odds of the class"

    @property
    def passes(self) -> int:
        return 3

    def unmet(self, model: Model) -> str:
        from headstart.attribution.gradients import why_no_gradient  # noqa: PLC0415

        return why_no_gradient(model)

    def maps(self, model: Model, pictures: MaskedImages, labels: Integers) -> Floats:
        from headstart.attribution.gradients import gradients_at, stages_of  # noqa: PLC0415

        made, stages = np.zeros((len(labels), SIDE, SIDE)), stages_of(model)
        for start in range(0, len(labels), BATCH_ROWS):
            part = np.arange(start, min(start + BATCH_ROWS, len(labels)))
            squares = {side: pictures.squares(part, side) for side in pictures.whole}
            for inside in gradients_at(model, squares, labels[part], stages):
                weights = inside.places(inside.gradient).mean(axis=(2, 3), keepdims=True)
                made[part] += resized_maps((weights * inside.places(inside.values)).sum(axis=1), SIDE)
        return made
