"""Label errors: how suspicious each label is, by probabilities that it had no part in, as one ranking with p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize_scalar

from headstart.core.types import Booleans, Floats, Integers
from headstart.heads.noisy_pool import fit_noisy_pool

LEVEL = 0.1
"""Level of the Benjamini-Hochberg procedure: of the labels that are flagged, at most about this share is right.
With 5 and 10 % of the labels of digits, emoji and Fashion-MNIST flipped it was 0.01 to 0.055, and of unchanged sets no label was
flagged (5 draws; `python -m benchmarks.label_errors`)."""
UNIFORM = 0.5
"""Share of wrong labels that may be any class, beside those of classes that are confused. Chosen, not measured."""
LEAST = 1e-12
SMALLEST_DIFFERENCE = 1e-9
"""Log probabilities that differ by less are equal."""


@dataclass(frozen=True)
class AssessedLabels:
    """What is to be said of each label.

    Attributes:
        p_values: float64 [sample], in (0, 1]: were the label right, how probable would one be that fits the picture as badly?
        adjusted: float64 [sample]: the lowest level of the Benjamini-Hochberg procedure over all rows that flags the label.
        suggested: int64 [sample]: the most probable other class.
        wrong: float64 [sample]: the probability that the label is wrong.
        order: int64 [sample]: the rows, the most suspicious first.
        noise: Estimated share of wrong labels.
        weights: How much the probabilities, and the neighbors where there are any, count.
    """

    p_values: Floats = field(repr=False)
    adjusted: Floats = field(repr=False)
    suggested: Integers = field(repr=False)
    wrong: Floats = field(repr=False)
    order: Integers = field(repr=False)
    noise: float
    weights: tuple[float, ...]

    @property
    def flagged(self) -> Booleans:
        """Whether the label is probably wrong, bool [sample]; see `LEVEL`."""
        return np.asarray(self.adjusted <= LEVEL)


def assess_labels(
    probs: Floats, labels: Integers, neighbors: Floats | None = None, groupings: Sequence[Integers] = ()
) -> AssessedLabels:
    """How suspicious each label is, from predictions without it, from its neighbors and from the labels of its group.

    The three are pooled into calibrated probabilities of the true class, while the share of wrong labels is fitted too. The
    p-value of a label is the probability, by these, of any class that is no more probable than it. What is hard to tell is thus
    not suspicious; only what looks clearly like another class is.

    Args:
        probs: float [sample, class] of rows that the model was not fitted on.
        labels: int64 [sample].
        neighbors: float [sample, class] by the most similar rows of other groups; None where there are no features.
        groupings: int64 [sample] each, such as copies of one picture, or pictures of one object. How often rows of a group have
            one label is measured, so that a group whose rows differ as they please says nothing.

    Returns:
        The assessed labels.

    Reference: Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021, eqs. 1-2 (the
        confident joint, of which the wrong labels' classes are taken); Benjamini & Hochberg, "Controlling the false discovery
        rate", JRSS B 1995.
    Differs: the share of wrong labels is fitted by likelihood, not other, as counting takes every label that is hard to tell
        for a wrong one; half of the wrong labels may be any class.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415  takes half a second

    num_classes, rows = probs.shape[1], np.arange(len(labels))
    opinions = [np.log(np.maximum(one, LEAST)) for one in (probs, neighbors) if one is not None]
    offset = np.zeros(probs.shape)
    for groups in groupings:
        offset += group_evidence(labels, groups, num_classes)
    pool = fit_noisy_pool(np.stack(opinions), offset, labels, _transitions(probs, labels))
    logs, own = pool.log_probs, pool.log_probs[rows, labels]
    as_bad = logs <= own[:, None] + SMALLEST_DIFFERENCE
    p_values = np.clip(np.where(as_bad, np.exp(logs), 0.0).sum(axis=1), LEAST, 1.0)
    others = logs.copy()
    others[rows, labels] = -np.inf
    order = np.lexsort((own - others.max(axis=1), p_values))
    adjusted = np.asarray(false_discovery_control(p_values))
    return AssessedLabels(p_values, adjusted, others.argmax(axis=1), pool.wrong, order, pool.noise, pool.weights)


def group_evidence(labels: Integers, groups: Integers, num_classes: int) -> Floats:
    """Log-likelihood ratio of each class by the labels of the other rows of a row's group, float64 [sample, class].

    A row has the label of another row of its group, drawn at random, with probability c, else one by the class shares. c
    maximizes the likelihood of all labels, with a prior that keeps it off 0 and 1. Rows that are alone in their group have zeros.
    """
    own = np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((int(own.max(initial=-1)) + 1, num_classes))
    np.add.at(counts, (own, labels), 1.0)
    evidence = np.zeros((len(labels), num_classes))
    mated = np.flatnonzero(counts.sum(axis=1)[own] > 1)
    if not len(mated):
        return evidence
    others = counts[own[mated]]
    others[np.arange(len(mated)), labels[mated]] -= 1
    shares = others / others.sum(axis=1, keepdims=True)
    prior = (np.bincount(labels, minlength=num_classes) + 1) / (len(labels) + num_classes)
    same, chance = shares[np.arange(len(mated)), labels[mated]], prior[labels[mated]]

    def loss(concordance: float) -> float:
        likelihood = np.log(concordance * same + (1 - concordance) * chance).sum()
        return -float(likelihood + np.log(concordance) + np.log1p(-concordance))

    concordance = float(minimize_scalar(loss, bounds=(LEAST, 1 - LEAST), method="bounded").x)
    evidence[mated] = np.log(concordance * shares + (1 - concordance) * prior) - np.log(prior)
    return evidence


def _transitions(probs: Floats, labels: Integers) -> Floats:
    """What a wrong label is, by true class, float64 [class, class]: half any other class, half as the confident joint has it."""
    num_classes = probs.shape[1]
    counts = np.bincount(labels, minlength=num_classes)
    sums = np.bincount(labels, probs[np.arange(len(labels)), labels], num_classes)
    thresholds = np.divide(sums, counts, out=np.full(num_classes, np.inf), where=counts > 0)
    confident = np.where(probs >= thresholds, probs, -1.0)
    true, sure = confident.argmax(axis=1), confident.max(axis=1) >= 0
    joint = np.full((num_classes, num_classes), 1.0 / num_classes)
    np.add.at(joint, (true[sure], labels[sure]), 1.0)
    others = 1.0 - np.eye(num_classes)
    confused = joint * others
    return np.asarray(UNIFORM * others / (num_classes - 1) + (1 - UNIFORM) * confused / confused.sum(axis=1, keepdims=True))
