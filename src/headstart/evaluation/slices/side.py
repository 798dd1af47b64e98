"""Side: the shorter side of a picture."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import NDArray

from headstart.data.scan import scan
from headstart.evaluation.slices.base import MeasuredAttribute, SliceInputs


class Side(MeasuredAttribute):
    """The shorter side in pixels, which was measured when the data were read."""

    title: ClassVar[str] = "Shorter side, pixels"
    lowest: ClassVar[str] = "smallest"
    highest: ClassVar[str] = "largest"

    def column(self, inputs: SliceInputs) -> NDArray[Any] | None:
        return None if inputs.images is None else scan(inputs.images).shorter_sides.astype(float)
