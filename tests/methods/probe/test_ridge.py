"""Ridge: which blocks it sees by default, and its temperature."""

import numpy as np

from headstart.features.representation import Representation
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods.probe.ridge import Ridge


def test_sees_every_stage_and_the_pixels(draw):
    features, labels = draw()
    head, _ = Ridge().head_of(features, labels, 3)
    assert head.weight.shape == (7 + 13 + 29 + 11, 3)


def test_temperature_is_that_of_the_leave_one_out_scores(draw):
    features, labels = draw()
    head, temperature = Ridge(blocks="stages").head_of(features, labels, 3)
    fit = fit_ridge(Representation.fitted(features, "stages").matrix(features), labels, 3)
    assert temperature == fit.temperature
    np.testing.assert_allclose(head.weight, fit.weight, rtol=1e-5, atol=1e-6)
