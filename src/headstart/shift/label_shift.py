"""Label shift: class shares of unlabeled rows, estimated from a classifier's predictions."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import log_softmax

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.heads.temperature import fit_temperature

MOST_ITERATIONS = 1_000
"""The shares are taken as they are then; the tolerance usually comes first. Chosen, not measured."""
MOST_ITERATIONS_OF_LEAST_SQUARES = 100_000
"""Non-negative least squares ends by itself after a few times as many iterations as there are classes."""
TOLERANCE = 1e-10
"""Change of the shares at which iterations stop."""
SUM_WEIGHT = 10.0
"""Weight of the equation that shares sum to 1; they are normalized afterward."""
OFFSET_PENALTY = 1e-3
"""Ridge penalty on class offsets: without it, classes of few rows get unbounded ones. Chosen, not measured."""


def class_shares(labels: Integers, num_classes: int, weights: Floats | None = None) -> Floats:
    """The (weighted) share of each class among labels, float64 [class]."""
    shares = np.bincount(labels, weights, minlength=num_classes).astype(np.float64)
    return np.asarray(shares / shares.sum())


def confused_shares(source_probs: Floats, source_labels: Integers, target_probs: Floats) -> Floats:
    """Target class shares that explain the mean prediction on the target by the classifier's confusions on the source.

    `source_probs` [source, class] are of rows that the classifier was not fitted to, `target_probs` are [target, class]. The
    shares, float64 [class], are at least 0 and sum to 1; classes that the source lacks get 0.

    Reference: Lipton, Wang & Smola, "Detecting and Correcting for Label Shift with Black Box Predictors", ICML 2018, section 3;
        soft predictions as in Garg et al., "A Unified View of Label Shift Estimation", NeurIPS 2020, section 3.
    Differs: negative shares are avoided by non-negative least squares instead of clipping.
    """
    num_classes = source_probs.shape[1]
    counts = np.bincount(source_labels, minlength=num_classes)
    absent = counts == 0
    means = source_probs.T @ one_hot(source_labels, num_classes) / np.maximum(counts, 1)
    system = np.vstack([means, np.full(num_classes, SUM_WEIGHT)])
    system[:, absent] = 0.0
    given = np.append(target_probs.mean(axis=0), SUM_WEIGHT)
    shares = nnls(system, given, maxiter=MOST_ITERATIONS_OF_LEAST_SQUARES)[0]
    return np.asarray(shares / shares.sum()) if shares.sum() > 0 else np.where(absent, 0.0, 1.0 / (~absent).sum())


def likely_shares(target_probs: Floats, source_shares: Floats) -> Floats:
    """Target class shares of highest likelihood, given calibrated probabilities under the source's shares.

    `target_probs` are [target, class], `source_shares` float64 [class] those of the rows that the classifier was fitted to. The
    shares, float64 [class], sum to 1; classes that the source lacks get 0.

    Reference: Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
        Computation 2002, eq. 2.9; that probabilities be calibrated first is what Alexandari, Kundaje & Shrikumar, "Maximum
        Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation", ICML 2020, find to matter.
    """
    present = source_shares > 0
    ratio = np.where(present, target_probs / np.where(present, source_shares, 1.0), 0.0)
    return mixture_shares(ratio, source_shares)


def mixture_shares(densities: Floats, start: Floats) -> Floats:
    """The shares, float64 [component], of a mixture's components that maximize the likelihood, by expectation maximization.

    `densities` [sample, component] are each component's at each row; `start` [component] sums to 1, and components that start at
    0 stay there.

    Reference: Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 1977, section 4.3.
    """
    shares = start
    for _ in range(MOST_ITERATIONS):
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
    """Class factors, float64 [class], after which normalized probabilities [target, class] have the given mean [class].

    They are at least 0, and 1 on average over the classes that have a share.

    Reference: iterative proportional fitting, Deming & Stephan, Annals of Mathematical Statistics 1940; the aim is that of
        Berthelot et al., "ReMixMatch", ICLR 2020, section 3.1.
    """
    factors = np.asarray(shares > 0, np.float64)
    for _ in range(MOST_ITERATIONS):
        scaled = target_probs * factors
        means = (scaled / np.maximum(scaled.sum(axis=1, keepdims=True), 1e-290)).mean(axis=0)
        if np.abs(means - shares).max() < TOLERANCE:
            break
        factors = np.where(shares > 0, factors * shares / np.maximum(means, 1e-12), 0.0)
        factors = np.clip(factors / factors[shares > 0].mean(), 0.0, 1e6)
    return np.asarray(factors)


def calibration(scores: Floats, labels: Integers) -> tuple[float, Floats]:
    """Temperature and class offsets that turn held-out scores [sample, class] into softmax(scores / temperature + offsets).

    Offsets, float64 [class], have mean 0 over the classes that have rows; other classes get 0.

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
