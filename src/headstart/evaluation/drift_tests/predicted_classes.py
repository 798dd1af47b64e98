"""Predicted classes: whether classes are predicted as often as for held-out images."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Integers
from headstart.evaluation.drift_inputs import DriftInputs

LEAST_EXPECTED = 5.0
"""Classes of which fewer new images are expected are counted together: the usual condition of the chi-squared test (Cochran,
"The chi-squared test of goodness of fit", Annals of Mathematical Statistics 1952)."""


def predicted_classes(inputs: DriftInputs) -> float | None:
    """The p-value of a chi-squared test of homogeneity of the predicted classes.

    None where one class is all there is to count, and where models of folds predicted the held-out images: every model prefers
    some classes a little, and where nothing changed the test found drift in 19 % of 48 draws (`python -m benchmarks.watching`).

    Reference: Lipton, Wang & Smola, "Detecting and Correcting for Label Shift with Black Box Predictors", ICML 2018, section 4
        (detection); Rabanser, Guennemann & Lipton, "Failing Loudly", NeurIPS 2019 (hard black-box shift detection).
    """
    if not inputs.same_model:
        return None
    num_classes = inputs.probs.shape[1]
    counts = np.stack([np.bincount(one.argmax(axis=1), minlength=num_classes) for one in (inputs.reference_probs, inputs.probs)])
    counts = _pooled(counts)
    if counts.shape[1] < 2:
        return None
    from scipy.stats import chi2_contingency  # noqa: PLC0415  slow to import

    return float(chi2_contingency(counts).pvalue)


def _pooled(counts: Integers) -> Integers:
    """Counts [side, class] with rare classes as one; where that is rare still, it joins the most frequent class."""
    expected = counts.sum(axis=0) * (counts.sum(axis=1) / counts.sum()).min()
    rare = expected < LEAST_EXPECTED
    frequent, rest = counts[:, ~rare], counts[:, rare].sum(axis=1, keepdims=True)
    if not rest.any():
        return frequent
    if expected[rare].sum() < LEAST_EXPECTED and frequent.shape[1]:
        frequent[:, frequent.sum(axis=0).argmax()] += rest[:, 0]
        return frequent
    return np.concatenate([frequent, rest], axis=1)
