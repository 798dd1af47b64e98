"""Ridge leave-one-out: its sign, its ends, and agreement with the solver."""

import numpy as np
import pytest

from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.heads.temperature import row_losses
from headstart.scores.ridge_loo import ridge_loo


def test_is_minus_the_mean_loss_of_the_solver(draw):
    rows = draw()
    fit = fit_ridge(rows.features, rows.labels, 3)
    assert ridge_loo(rows) == pytest.approx(-row_losses(fit.loo_scores, rows.labels, fit.temperature).mean())


def test_strong_features_beat_the_entropy_of_the_classes_and_noise_does_not(draw):
    entropy = np.log(3)
    assert ridge_loo(draw(num=101, signal=6.0)) > -0.5 * entropy
    assert ridge_loo(draw(num=101, signal=0.0)) > -1.1 * entropy
