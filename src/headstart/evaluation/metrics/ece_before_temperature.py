"""ECE before temperature scaling."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.estimate import Estimate
from headstart.core.seeds import generator_for
from headstart.evaluation.calibration import calibration_error
from headstart.evaluation.labeled_predictions import DRAWS, LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class ExpectedCalibrationErrorBeforeTemperature(Metric):
    """Mean gap between confidence and accuracy before temperature scaling; see `calibration_error`."""

    title: ClassVar[str] = "Calibration error"
    meaning: ClassVar[str] = "before temperature"
    position: ClassVar[int] = 80

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        rows = labeled.predictions
        return calibration_error(
            rows.raw_probs, rows.labels, rows.groups, DRAWS, generator_for(0, "intervals", "ece_before_temperature")
        )
