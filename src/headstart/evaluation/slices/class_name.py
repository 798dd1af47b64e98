"""Class: the true class of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from headstart.evaluation.slices.base import NamedAttribute, SliceInputs


class ClassName(NamedAttribute):
    """The true class. Its images are compared with all others."""

    title: ClassVar[str] = "Class"
    within_classes: ClassVar[bool] = False
    told_elsewhere: ClassVar[bool] = True

    def names(self, inputs: SliceInputs) -> Sequence[str]:
        return [inputs.predictions.classes[label] for label in inputs.predictions.labels]

    def phrase(self, name: str) -> str:
        return f'images of class "{name}"'
