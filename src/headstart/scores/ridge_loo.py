"""Ridge leave-one-out: how well a linear head predicts rows that it has not seen."""

from __future__ import annotations

import numpy as np

from headstart.features.class_statistics import compact
from headstart.features.feature_set import LabeledFeatures
from headstart.features.ridge_solver import fit_ridge


def ridge_loo(labeled: LabeledFeatures) -> float | None:
    """Minus the exact leave-one-out negative log-likelihood of a ridge head after temperature.

    Measures how well a probe does, not fine-tuning.

    Args:
        labeled: Features and labels.

    Returns:
        Nats a row, at most 0; None with fewer than two rows or one class only.

    Reference: Rifkin & Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025, for the leave-one-out identity.
    Differs: see `features.ridge_solver.fit_ridge`.
    """
    labels = compact(labeled.labels)
    if len(labels) < 2 or labels.max() == 0:
        return None
    return -float(np.min(fit_ridge(labeled.features, labels, int(labels.max()) + 1).losses))
