"""ECE: expected calibration error."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.estimate import Estimate
from headstart.core.seeds import generator_for
from headstart.core.types import Floats
from headstart.evaluation.calibration import calibration_error, calibration_errors
from headstart.evaluation.labeled_predictions import DRAWS, LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class ECE(Metric):
    """Mean gap between confidence and accuracy after temperature scaling; see `calibration_error`."""

    title: ClassVar[str] = "Calibration error"
    meaning: ClassVar[str] = "after temperature; lower is better"
    position: ClassVar[int] = 70
    before_temperature: ClassVar[bool] = False

    def values(self, labeled: LabeledPredictions, weights: Floats) -> Floats | None:
        return calibration_errors(labeled.predictions.probs, labeled.predictions.labels, weights)

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        rows = labeled.predictions
        probs, name = (rows.raw_probs, "ece_before_temperature") if self.before_temperature else (rows.probs, "ece")
        return calibration_error(probs, rows.labels, rows.groups, DRAWS, generator_for(0, "intervals", name))
