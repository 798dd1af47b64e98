"""Label shift: how frequent classes are in rows without labels, from what a classifier says about them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import log_softmax

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.heads.temperature import fit_temperature

MOST_STEPS = 1_000
MOST_TURNS = 100_000
"""Of non-negative least squares, which ends by itself after a few times as many turns as there are classes."""
TOLERANCE = 1e-10
"""Change of the shares at which iterations stop."""
OFFSET_PENALTY = 1e-3


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
    shares = nnls(system, given, maxiter=MOST_TURNS)[0]
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
    return mixture_shares(ratio, source_shares)


def mixture_shares(densities: Floats, start: Floats, most_steps: int = MOST_STEPS) -> Floats:
    """The shares of a mixture's components that make rows likeliest, by expectation maximization.

    Args:
        densities: float [sample, component], at least 0: each component's at each row.
        start: float64 [component], summing to 1; components that start at 0 stay there.
        most_steps: Steps after which the shares are taken as they are.

    Returns:
        float64 [component], summing to 1.

    Reference: Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 1977, section 4.3.
    """
    shares = start
    for _ in range(most_steps):
        joint = densities * shares
        updated = (joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-290)).mean(axis=0)
        total = updated.sum()
        if not total > 0:
            return start
        updated = updated / total
        if np.abs(updated - shares).max() < TOLERANCE:
            return np.asarray(updated)
        shares = updated
    return np.asarray(shares)


def matching_factors(target_probs: Floats, shares: Floats) -> Floats:
    """What to multiply probabilities by, class by class, so that after scaling to 1 their mean is the given shares.

    Args:
        target_probs: float [target, class].
        shares: float64 [class], summing to 1.

    Returns:
        float64 [class], at least 0; 1 on average over the classes that have a share.

    Reference: iterative proportional fitting, Deming & Stephan, Annals of Mathematical Statistics 1940; the aim is that of
        Berthelot et al., "ReMixMatch", ICLR 2020, section 3.1.
    """
    factors = np.asarray(shares > 0, np.float64)
    for _ in range(MOST_STEPS):
        scaled = target_probs * factors
        means = (scaled / np.maximum(scaled.sum(axis=1, keepdims=True), 1e-290)).mean(axis=0)
        if np.abs(means - shares).max() < TOLERANCE:
            break
        factors = np.where(shares > 0, factors * shares / np.maximum(means, 1e-12), 0.0)
        factors = np.clip(factors / factors[shares > 0].mean(), 0.0, 1e6)
    return np.asarray(factors)


def calibration(scores: Floats, labels: Integers) -> tuple[float, Floats]:
    """Temperature and class offsets that turn held-out scores into probabilities: softmax(scores / temperature + offsets).

    Args:
        scores: float [sample, class], of rows that the classifier has not seen.
        labels: int64 [sample].

    Returns:
        Temperature and float64 [class], mean 0 over the classes that have rows; other classes get 0.

    Reference: Alexandari, Kundaje & Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift
        Adaptation", ICML 2020, section 3 (bias-corrected temperature scaling).
    Differs: offsets are held near zero by a weak penalty.
    """
    num_classes = scores.shape[1]
    targets = one_hot(labels, num_classes)
    present = np.asarray(targets.sum(axis=0) > 0)
    start = np.append(np.zeros(num_classes), -np.log(fit_temperature(scores, labels)))

    def loss(point: Floats) -> tuple[float, Floats]:
        scale = np.exp(point[-1])
        logs = log_softmax(scale * scores + point[:-1], axis=1)
        errors = (np.exp(logs) - targets) / len(labels)
        slope = np.append(errors.sum(axis=0) * present + 2 * OFFSET_PENALTY * point[:-1], scale * (errors * scores).sum())
        return float(-(targets * logs).sum() / len(labels) + OFFSET_PENALTY * (point[:-1] ** 2).sum()), slope

    bounds = [(-10.0, 10.0) if one else (0.0, 0.0) for one in present] + [(start[-1] - 1.0, start[-1] + 1.0)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    offsets = np.where(present, found[:-1] - found[:-1][present].mean(), 0.0)
    return float(np.exp(-found[-1])), np.asarray(offsets)
