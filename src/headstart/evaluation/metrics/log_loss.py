"""Log loss: the negative log-likelihood of the labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.types import Floats
from headstart.evaluation.intervals import percentile_interval
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class LogLoss(Metric):
    """Mean negative logarithm of the true class's probability, in nats."""

    title: ClassVar[str] = "Log loss"
    meaning: ClassVar[str] = "lower is better"
    is_share: ClassVar[bool] = False
    most: ClassVar[float | None] = None
    position: ClassVar[int] = 60

    def values(self, labeled: LabeledPredictions, weights: Floats) -> Floats:
        return np.asarray(weights @ labeled.predictions.log_losses / weights.sum(axis=1))

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        losses = labeled.predictions.log_losses
        draws = labeled.bootstrap_mean(losses, "log_loss", within_labels=False)
        return percentile_interval(float(losses.mean()), draws)
