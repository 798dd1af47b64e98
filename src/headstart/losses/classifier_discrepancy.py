"""Classifier discrepancy: how far two classifiers on the same features disagree."""

from __future__ import annotations

from torch import Tensor


def classifier_discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference of two classifiers' probabilities [batch, class], over rows and classes; at most 2 / class.

    Reference: Saito et al., "Maximum Classifier Discrepancy for Unsupervised Domain Adaptation", CVPR 2018, section 3.
    """
    return (first - second).abs().mean()
