"""ECE before temperature scaling."""

from __future__ import annotations

from typing import ClassVar

from headstart.evaluation.metrics.ece import ECE


class ECEBeforeTemperature(ECE):
    """Mean gap between confidence and accuracy before temperature scaling; see `calibration_error`."""

    meaning: ClassVar[str] = "before temperature"
    position: ClassVar[int] = 80
    before_temperature: ClassVar[bool] = True
