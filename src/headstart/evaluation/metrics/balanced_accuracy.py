"""Balanced accuracy: every class counts the same."""

from __future__ import annotations

from typing import ClassVar, Literal

from headstart.evaluation.metrics.base import MacroAverage


class BalancedAccuracy(MacroAverage):
    """Mean recall of the classes that have images."""

    title: ClassVar[str] = "Balanced accuracy"
    meaning: ClassVar[str] = "mean recall of the classes"
    position: ClassVar[int] = 20
    key: ClassVar[Literal["precision", "recall", "f1"]] = "recall"
