"""Macro precision."""

from __future__ import annotations

from typing import ClassVar, Literal

from headstart.evaluation.metrics.base import MacroAverage


class MacroPrecision(MacroAverage):
    """Mean precision of the classes that have images."""

    title: ClassVar[str] = "Precision, macro"
    position: ClassVar[int] = 30
    key: ClassVar[Literal["precision", "recall", "f1"]] = "precision"
