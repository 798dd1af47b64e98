"""Proxy A-distance: how easily a linear classifier tells two domains apart."""

from __future__ import annotations

import numpy as np

from headstart.core.errors import DataError
from headstart.core.types import Floats
from headstart.heads.ridge_leave_one_out import fit_ridge


def proxy_a_distance(source: Floats, target: Floats) -> float:
    """2 (1 - 2 e), clipped to [0, 2], with e the mean of both domains' leave-one-out error of a classifier of domains.

    0 where a guess does as well, 2 where no row is mistaken. Pictures of unlike style easily reach 2 even where labels carry
    over, so that it orders sources rather than judging one. Rows are [source, feature] and [target, feature]; fewer than two in a
    domain are a `DataError`.

    Reference: Ben-David et al., "Analysis of representations for domain adaptation", NeurIPS 2006, section 4; a linear classifier
        as in Glorot et al., "Domain adaptation for large-scale sentiment classification", ICML 2011, section 4.
    Differs: ridge regression and its exact leave-one-out errors in place of a support vector machine and a split; both domains
        weigh the same, whatever their sizes.
    """
    counts = np.array([len(source), len(target)])
    if counts.min() < 2:
        raise DataError(f"Two domains are told apart by two rows each at least, and these have {counts[0]} and {counts[1]}.")
    labels = np.repeat(np.arange(2), counts)
    fit = fit_ridge(np.concatenate([source, target]), labels, 2, 1.0 / counts[labels])
    wrong = fit.loo_scores.argmax(axis=1) != labels[fit.loo_rows]
    error = float(np.mean([wrong[labels[fit.loo_rows] == side].mean() for side in (0, 1)]))
    return float(np.clip(2.0 * (1.0 - 2.0 * error), 0.0, 2.0))
