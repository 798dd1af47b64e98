"""Information maximization: confident predictions of every row, and of every class over all rows."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from headstart.evaluation.validator_inputs import ValidatorInputs


def information_maximization(inputs: ValidatorInputs) -> float | None:
    """Entropy of the mean prediction minus the mean entropy of the predictions: the mutual information of rows and classes.

    Between 0 and log C, in nats.

    Limits: it prefers classes of equal size, and so scores a candidate low that finds the true shares of an unbalanced target.

    Reference: Shi & Sha, "Information-Theoretical Learning of Discriminative Clusters for Unsupervised Domain Adaptation", ICML
        2012, eq. 3.
    """
    probs = np.asarray(inputs.target_probs, np.float64)
    return float(entr(probs.mean(axis=0)).sum() - entr(probs).sum(axis=1).mean())
