"""LEEP: how well source classes predict target classes."""

from __future__ import annotations

from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import compact, expected_log_prediction


def leep(labeled: LabeledFeatures) -> float | None:
    """Mean log-likelihood of the labels when they are predicted from the model's own source classes.

    Needs no features, only the source classifier's probabilities; misleads where target classes are finer than source classes.

    A value between minus the labels' entropy and 0; None without source probabilities.

    Reference: Nguyen et al., "LEEP: a new measure to evaluate transferability of learned representations", ICML 2020, eq. 2.
    Differs: source classes without mass are left out instead of dividing 0 by 0.
    """
    if labeled.source_probs is None:
        return None
    return expected_log_prediction(labeled.source_probs, compact(labeled.labels))
