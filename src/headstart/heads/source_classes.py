"""Source classes: which of them correspond to each class of a task."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import class_means, one_hot
from headstart.heads.temperature import LOG_RANGE


def source_given_target(source_logits: Floats, labels: Integers, num_classes: int) -> Floats:
    """p(source class | class), float64 [class, source class]: the mean of calibrated source predictions over each class's rows.

    `source_logits` [sample, source class] are those of the network before it is trained on the task. A class without rows has
    zeros.

    Reference: You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020 (category relationship, the direct approach).
    Differs: source data, on which the paper calibrates, are not at hand; see `source_temperature`.
    """
    logits = np.asarray(source_logits, np.float64)
    return class_means(softmax(logits / source_temperature(logits, labels, num_classes), axis=1), labels, num_classes)


def source_temperature(source_logits: Floats, labels: Integers, num_classes: int) -> float:
    """The temperature, within [0.001, 1000], at which source predictions [sample, source class] predict left-out labels best."""

    def loss(log_temperature: float) -> float:
        return -left_out_log_prediction(softmax(source_logits / np.exp(log_temperature), axis=1), labels, num_classes)

    return float(np.exp(minimize_scalar(loss, bounds=LOG_RANGE, method="bounded", options={"xatol": 1e-3}).x))


def left_out_log_prediction(probs: Floats, labels: Integers, num_classes: int) -> float:
    """Mean log-likelihood of the labels, each predicted through source classes, `probs` [sample, source class], of other rows.

    Reference: Nguyen et al., "LEEP: a new measure to evaluate transferability", ICML 2020, eqs. 1-2.
    Differs: the row itself is left out, and each class has one more row of uniform source probabilities, so that a class with one
        row has a likelihood too.
    """
    joint = one_hot(labels, num_classes).T @ probs + 1.0 / probs.shape[1]
    mass = joint.sum(axis=0)
    likelihood = np.einsum("iz,iz->i", (joint[labels] - probs) / (mass - probs), probs)
    return float(np.log(likelihood).mean())
