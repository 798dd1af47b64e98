"""Macro recall."""

from __future__ import annotations

from typing import ClassVar, Literal

from headstart.evaluation.metrics.base import MacroAverage


class MacroRecall(MacroAverage):
    """Mean recall of the classes that have images; the same as balanced accuracy."""

    title: ClassVar[str] = "Recall, macro"
    position: ClassVar[int] = 40
    key: ClassVar[Literal["precision", "recall", "f1"]] = "recall"
