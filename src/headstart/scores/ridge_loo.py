"""Ridge leave-one-out: how well a linear head predicts rows that it has not seen."""

from __future__ import annotations

from headstart.core.types import Floats
from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import compact
from headstart.heads.ridge_leave_one_out import RidgeFit, fit_ridge
from headstart.heads.temperature import row_losses
from headstart.scores import ranking


def ridge_head(features: LabeledFeatures) -> RidgeFit:
    """The ridge head of these rows, with the scores of each row by the head that is fitted to the others."""
    labels = compact(features.labels)
    return fit_ridge(features.features, labels, int(labels.max()) + 1)


def log_likelihoods(features: LabeledFeatures) -> Floats:
    """The log-likelihood of each row's label by the head that is fitted to the others, after temperature, float64 [sample]."""
    head = features.once(ridge_head)
    return -row_losses(head.loo_scores, compact(features.labels)[head.loo_rows], head.temperature)


@ranking(by_row=log_likelihoods)
def ridge_loo(labeled: LabeledFeatures) -> float | None:
    """The exact leave-one-out log-likelihood of a ridge head after temperature.

    It predicts the accuracy of a linear probe, not of fine-tuning.

    Nats a row, at most 0; None with fewer than two rows or one class only.

    Reference: Rifkin & Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025, for the leave-one-out identity.
    Differs: see `heads.ridge_leave_one_out.fit_ridge`.
    """
    labels = compact(labeled.labels)
    if len(labels) < 2 or labels.max() == 0:
        return None
    return float(log_likelihoods(labeled).mean())
