"""Label shift: how frequent classes are in rows without labels, from what a classifier says about them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from headstart.core.types import Floats, Integers
from headstart.features.class_statistics import one_hot

MOST_STEPS = 1_000
TOLERANCE = 1e-10
"""Change of the shares at which expectation maximization stops."""


def class_shares(labels: Integers, num_classes: int, weights: Floats | None = None) -> Floats:
    """The (weighted) share of each class among labels, float64 [class]."""
    shares = np.bincount(labels, weights, minlength=num_classes).astype(np.float64)
    return np.asarray(shares / shares.sum())


def confused_shares(source_probs: Floats, source_labels: Integers, target_probs: Floats) -> Floats:
    """Target class shares that explain, by the classifier's known confusions, what it says about target rows.

    Args:
        source_probs: float [source, class], of rows that the classifier has not seen.
        source_labels: int64 [source].
        target_probs: float [target, class].

    Returns:
        float64 [class], at least 0, summing to 1; classes that the source lacks get 0.

    Reference: Lipton, Wang & Smola, "Detecting and Correcting for Label Shift with Black Box Predictors", ICML 2018, section 3;
        soft predictions as in Garg et al., "A Unified View of Label Shift Estimation", NeurIPS 2020, section 3.
    Differs: shares that solve the equations worst are kept at zero by non-negative least squares instead of being clipped.
    """
    num_classes = source_probs.shape[1]
    counts = np.maximum(np.bincount(source_labels, minlength=num_classes), 1)
    means = source_probs.T @ one_hot(source_labels, num_classes) / counts
    # One more equation, of large weight, for the sum.
    system, given = np.vstack([means, np.full(num_classes, 10.0)]), np.append(target_probs.mean(axis=0), 10.0)
    absent = np.bincount(source_labels, minlength=num_classes) == 0
    system[:, absent] = 0.0
    shares = nnls(system, given)[0]
    return np.asarray(shares / shares.sum()) if shares.sum() > 0 else np.where(absent, 0.0, 1.0 / (~absent).sum())


def likely_shares(target_probs: Floats, source_shares: Floats) -> Floats:
    """Target class shares of highest likelihood, given calibrated probabilities under the source's shares.

    Args:
        target_probs: float [target, class].
        source_shares: float64 [class]: those of the rows that the classifier was fitted to.

    Returns:
        float64 [class], summing to 1; classes that the source lacks get 0.

    Reference: Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
        Computation 2002, eq. 2.9; that probabilities be calibrated first is what Alexandari, Kundaje & Shrikumar, "Maximum
        Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation", ICML 2020, find to matter.
    """
    present = source_shares > 0
    ratio = np.where(present, target_probs / np.where(present, source_shares, 1.0), 0.0)
    shares = source_shares.copy()
    for _ in range(MOST_STEPS):
        joint = ratio * shares
        updated = (joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-290)).mean(axis=0)
        if np.abs(updated - shares).max() < TOLERANCE:
            return np.asarray(updated / updated.sum())
        shares = updated
    return np.asarray(shares / shares.sum())
