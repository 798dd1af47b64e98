"""Source classes: which of them go with which class of a task."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import class_means, one_hot
from headstart.heads.temperature import LOG_RANGE


def source_given_target(source_logits: Floats, labels: Integers, num_classes: int) -> Floats:
    """p(source class | class): the mean of calibrated source predictions over the rows of each class.

    Args:
        source_logits: float [sample, source class], of the network as it came.
        labels: int64 [sample].
        num_classes: Of the task.

    Returns:
        float64 [class, source class]; rows sum to 1, and are zero for a class without rows.

    Reference: You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020 (category relationship, the direct
        approach).
    Differs: source data, on which the paper calibrates, are not at hand; see `source_temperature`.
    """
    logits = np.asarray(source_logits, np.float64)
    return class_means(softmax(logits / source_temperature(logits, labels, num_classes), axis=1), labels, num_classes)


def source_temperature(source_logits: Floats, labels: Integers, num_classes: int) -> float:
    """The temperature at which source predictions tell most about the classes of rows that were left out.

    Args:
        source_logits: float [sample, source class].
        labels: int64 [sample].
        num_classes: Of the task.

    Returns:
        The temperature, within [0.001, 1000].
    """

    def loss(log_temperature: float) -> float:
        return -left_out_log_prediction(softmax(source_logits / np.exp(log_temperature), axis=1), labels, num_classes)

    return float(np.exp(minimize_scalar(loss, bounds=LOG_RANGE, method="bounded", options={"xatol": 1e-3}).x))


def left_out_log_prediction(probs: Floats, labels: Integers, num_classes: int) -> float:
    """Mean log-likelihood of the labels, each predicted through source classes from the other rows.

    Args:
        probs: float64 [sample, source class], rows sum to 1.
        labels: int64 [sample].
        num_classes: Of the task.

    Returns:
        A value below 0.

    Reference: Nguyen et al., "LEEP: a new measure to evaluate transferability", ICML 2020, eqs. 1-2.
    Differs: the row itself is left out, and each class has one more row that is spread over all source classes, so that a class
        with one row has a likelihood too.
    """
    spread_row = 1.0 / probs.shape[1]
    joint = one_hot(labels, num_classes).T @ probs + spread_row
    mass = joint.sum(axis=0)
    likelihood = np.einsum("iz,iz->i", (joint[labels] - probs) / (mass - probs), probs)
    return float(np.log(likelihood).mean())
