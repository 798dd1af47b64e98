"""MapMethod: one way to tell which places of a picture speak for a class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from headstart.core.types import Floats, Integers
from headstart.data.masked import MaskedImages
from headstart.methods.model import Model


class MapMethod(ABC):
    """One way to tell which places of a picture speak for a class.

    Attributes:
        title: What a table calls it.
        idea: What a high value means, in one sentence.
    """

    title: ClassVar[str]
    idea: ClassVar[str]

    @property
    @abstractmethod
    def passes(self) -> int:
        """How often a picture passes the network, a way back counted as two."""

    @abstractmethod
    def unmet(self, model: Model) -> str:
        """Why a model has no such maps, in one sentence that says what to do; empty where it has."""

    @abstractmethod
    def maps(self, model: Model, pictures: MaskedImages, labels: Integers) -> Floats:
        """How much each place of each picture speaks for the class `labels` [picture], float64 [picture, row, column].

        Args:
            model: What predicts.
            pictures: As they are; see `headstart.attribution.class_scores.maskable`.
            labels: The class that each picture is asked about, int64 [picture].

        Returns:
            Maps of one resolution; negative where a place speaks against the class.
        """
