"""Confidence: whether the model is as sure of new images as of held-out ones."""

from __future__ import annotations

from headstart.evaluation.drift_inputs import DriftInputs


def confidence(inputs: DriftInputs) -> float | None:
    """The p-value of a two-sample Kolmogorov-Smirnov test of the largest probability.

    None where models of folds predicted the held-out images, as these are a little less sure: where nothing changed, the test
    found drift in 15 % of 48 draws (benchmarks/RESULTS.md).

    Reference: Rabanser, Guennemann & Lipton, "Failing Loudly", NeurIPS 2019, section 3 (black-box shift detection).
    Differs: the largest probability alone is compared, where the paper tests that of every class and corrects for their number.
    """
    if not inputs.same_model:
        return None
    from scipy.stats import ks_2samp  # noqa: PLC0415  slow to import

    return float(ks_2samp(inputs.probs.max(axis=1), inputs.reference_probs.max(axis=1)).pvalue)
