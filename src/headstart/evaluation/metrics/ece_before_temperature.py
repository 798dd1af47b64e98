"""ECE before temperature scaling."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.types import Floats
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.ece import ECE


class ECEBeforeTemperature(ECE):
    """Mean gap between confidence and accuracy before temperature scaling; see `calibration_error`."""

    meaning: ClassVar[str] = "before temperature"
    position: ClassVar[int] = 80
    before_temperature: ClassVar[bool] = True

    def values(self, labeled: LabeledPredictions, weights: Floats) -> None:
        """Candidates are chosen by what they predict after temperature."""
