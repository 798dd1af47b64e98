"""TransRate: how much shorter features are coded when the class is known."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import compact

DISTORTION = 1e-4
"""Squared error that the code may leave."""


def trans_rate(labeled: LabeledFeatures) -> float | None:
    """The coding rate of all features minus the mean coding rate within the classes.

    Saturates with few rows.

    Nats, at least 0; None with one class only.

    Reference: Huang et al., "Frustratingly easy transferability estimation", ICML 2022, eqs. 3-5.
    Differs: features are divided by their root mean square first, so that the score does not depend on their unit.
    """
    labels = compact(labeled.labels)
    if labels.max() == 0:
        return None
    features = np.asarray(labeled.features, np.float64)
    centered = features - features.mean(axis=0)
    scale = np.sqrt((centered**2).mean())
    return coding_rate_gain(centered / scale if scale > 1e-12 else np.zeros_like(centered), labels, DISTORTION)


def coding_rate_gain(features: Floats, labels: Integers, distortion: float) -> float:
    """R(Z) - sum_c (N_c / N) R(Z_c) of globally centered features, R(Z) = log det(I + Z'Z / (N distortion)) / 2; at least 0."""
    exact = np.asarray(features, np.float64)
    centered = exact - exact.mean(axis=0)
    within = sum(np.mean(labels == label) * _rate(centered[labels == label], distortion) for label in np.unique(labels))
    return float(max(_rate(centered, distortion) - within, 0.0))


def _rate(rows: Floats, distortion: float) -> float:
    gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    return float(np.linalg.slogdet(np.eye(len(gram)) + gram / (len(rows) * distortion))[1] / 2)
