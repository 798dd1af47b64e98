"""Macro F1."""

from __future__ import annotations

from typing import ClassVar, Literal

from headstart.evaluation.metrics.base import MacroAverage


class MacroF1(MacroAverage):
    """Mean F1 of the classes that have images."""

    title: ClassVar[str] = "F1, macro"
    position: ClassVar[int] = 50
    key: ClassVar[Literal["precision", "recall", "f1"]] = "f1"
