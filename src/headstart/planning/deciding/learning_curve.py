"""The learning curve: the accuracy that more labels would give, from closed forms that cost milliseconds."""

from __future__ import annotations

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.planning.results import CurvePoint, LearningCurve

NUM_DRAWS = 10
"""Stratified draws of a part of the rows: with all three sizes they take less than a second."""
FEWEST_ROWS = 40
"""With fewer, a quarter of the rows is under ten. Chosen, not measured."""
FEWEST_A_CLASS = 3
"""Rows a class, on average, in the smallest part. With one, leaving it out leaves its class unknown and every row wrong: on
digits with four labels a class the curve then expected 76 % with sixteen, where 88 % were right already."""
MOST_ROWS = 2_000
"""Rows of the largest part: the time of the ridge head grows faster than their number."""
NUM_BOOTSTRAP = 1_000
"""Draws for the 95 % intervals of the expected errors."""


def learning_curve(
    features: Floats, labels: Integers, groups: Integers, num_classes: int, seed: int, num_labeled: int | None = None
) -> LearningCurve | None:
    """The curve e(n) = alpha + eta / sqrt(n) of the ridge head's leave-one-out error.

    None with fewer than 40 rows, or 12 a class. Measured at a quarter, a half and all of the rows, the parts by stratified
    draws. The exponent is fixed at -1/2.

    Args:
        features: float [sample, feature], normalized.
        labels: int64 [sample].
        groups: int64 [sample]; rows of one group are left out together.
        num_classes: C.
        seed: Of the draws.
        num_labeled: Labeled rows there are, of which these are a sample; None when these are all.

    Returns:
        The curve, its errors at all labeled rows and at four times as many, and the sentence for a reader.

    Reference: Hoiem et al., "Learning Curves for Analysis of Deep Networks", ICML 2021, section 3.
    Differs: the exponent is fixed, as single fitted exponents are unstable; leave-one-out errors instead of a test set.
    """
    total = num_labeled or len(labels)
    if len(labels) < FEWEST_ROWS:
        return None
    if len(labels) > MOST_ROWS:
        keep = generator_for(seed, "curve rows").permutation(len(labels))[:MOST_ROWS]
        features, labels, groups = features[keep], labels[keep], groups[keep]
    sizes = [len(labels) // 4, len(labels) // 2, len(labels)]
    if sizes[0] < FEWEST_A_CLASS * len(np.unique(labels)):
        return None
    errors = [_errors(features, labels, groups, num_classes, size, seed) for size in sizes]
    points = tuple(
        CurvePoint(num_rows=size, error=float(np.mean(draws)), std=float(np.std(draws)))
        for size, draws in zip(sizes, errors, strict=True)
    )
    return _fitted(points, sizes, errors, total, seed)


def _errors(features: Floats, labels: Integers, groups: Integers, num_classes: int, size: int, seed: int) -> Floats:
    draws = 1 if size == len(labels) else NUM_DRAWS
    out = np.empty(draws)
    for draw in range(draws):
        rows = _stratified(labels, size, generator_for(seed, "curve", size, draw))
        fit = fit_ridge(features[rows], labels[rows], num_classes, groups=groups[rows])
        out[draw] = np.mean(fit.loo_scores.argmax(axis=1) != labels[rows][fit.loo_rows])
    return out


def _stratified(labels: Integers, size: int, generator: np.random.Generator) -> Integers:
    order = generator.permutation(len(labels))
    position = np.empty(len(labels))
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        position[rows] = (np.arange(len(rows)) + generator.random()) / len(rows)
    return np.sort(np.argsort(position, kind="stable")[:size])


def _fitted(points: tuple[CurvePoint, ...], sizes: list[int], errors: list[Floats], total: int, seed: int) -> LearningCurve:
    measured = np.array([point.error for point in points])
    noise = _noise(measured, sizes, [len(draws) for draws in errors])
    generator = generator_for(seed, "curve bootstrap")
    draws = measured + noise * generator.standard_normal((NUM_BOOTSTRAP, len(points)))
    alpha, eta = _least_squares(np.array(sizes), measured[None], noise)
    alphas, etas = _least_squares(np.array(sizes), draws, noise)
    now = _at(total, alpha, eta, alphas, etas)
    more = _at(4 * total, alpha, eta, alphas, etas)
    sentence = (
        f"With four times the labels ({4 * total:,}), expect an accuracy of the ridge head of about {1 - more.value:.1%} "
        f"({1 - more.high:.1%} to {1 - more.low:.1%}) instead of {1 - now.value:.1%}."
    )
    return LearningCurve(
        points=points, asymptote=float(alpha[0]), slope=float(eta[0]), now=now, four_times=more, sentence=sentence
    )


def _noise(measured: Floats, sizes: list[int], draws: list[int]) -> Floats:
    """Standard errors of the mean errors: binomial, on all rows once and on what the draws leave of sampling from them."""
    size, most = np.array(sizes), sizes[-1]
    per_row = 1 / most + (1 / size - 1 / most) / np.array(draws)
    return np.asarray(np.maximum(np.sqrt(measured * (1 - measured) * per_row), 1 / most))


def _least_squares(sizes: Integers, errors: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Weighted least squares of each row of `errors` on 1 and n^-1/2, with slope and asymptote kept at zero or above."""
    x = sizes**-0.5
    weight = noise**-2.0 / np.sum(noise**-2.0)
    center = np.sum(weight * x)
    mean = errors @ weight
    eta = np.maximum(0.0, ((errors - mean[:, None]) @ (weight * (x - center))) / np.sum(weight * (x - center) ** 2))
    steepest = (errors @ (weight * x)) / np.sum(weight * x * x)
    alpha = mean - eta * center
    return np.where(alpha < 0, 0.0, alpha), np.where(alpha < 0, steepest, eta)


def _at(num_rows: int, alpha: Floats, eta: Floats, alphas: Floats, etas: Floats) -> Estimate:
    interval = np.quantile(np.clip(alphas + etas * num_rows**-0.5, 0, 1), [0.025, 0.975])
    value = float(np.clip(alpha[0] + eta[0] * num_rows**-0.5, 0, 1))
    return Estimate(value=value, low=min(value, float(interval[0])), high=max(value, float(interval[1])))
