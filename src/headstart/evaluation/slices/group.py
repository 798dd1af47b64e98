"""Group: the group that was given for an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from headstart.evaluation.slices.base import NamedAttribute, SliceInputs


class Group(NamedAttribute):
    """The group, such as the object or the person shown, where groups were given.

    A group is one draw, of which nothing could be said beyond chance: its images are counted one by one instead. What is found is
    true of that group, and says nothing about others.
    """

    title: ClassVar[str] = "Group"
    whole_groups: ClassVar[bool] = False
    told_elsewhere: ClassVar[bool] = True

    def names(self, inputs: SliceInputs) -> Sequence[str] | None:
        return inputs.predictions.given_groups or None

    def phrase(self, name: str) -> str:
        return f'images of group "{name}"'
