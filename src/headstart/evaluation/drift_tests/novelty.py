"""Novelty: whether new images look as usual to the novelty detector as those that it was calibrated on."""

from __future__ import annotations

import numpy as np

from headstart.evaluation.drift_inputs import DriftInputs


def novelty(inputs: DriftInputs) -> float | None:
    """The p-value of a two-sample Kolmogorov-Smirnov test of the detector's statistic; None without a detector.

    A conformal p-value is the rank of an image's statistic among those of the calibration images, which is all that the test
    reads.

    Reference: Rabanser, Guennemann & Lipton, "Failing Loudly: An Empirical Study of Methods for Detecting Dataset Shift", NeurIPS
        2019, section 3, for two-sample tests of reduced representations.
    """
    if inputs.p_values is None:
        return None
    from scipy.stats import ks_2samp  # noqa: PLC0415  slow to import

    num = round(1.0 / inputs.least_p_value) - 1
    calibration = (np.arange(1, num + 1) + 0.5) * inputs.least_p_value  # k of them lie below the p-value (1 + k) / (1 + num)
    return float(ks_2samp(inputs.p_values, calibration).pvalue)
