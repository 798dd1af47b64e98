"""What holds for every score in the folder."""

import numpy as np
import pytest

from headstart.features.feature_set import LabeledFeatures
from headstart.scores import SCORES

NAMES = SCORES.names()
ON_FEATURES = [name for name in NAMES if name not in ("leep", "nce")]
ROTATION_INVARIANT = [name for name in ON_FEATURES if name != "n_leep"]


def test_the_folder_holds_the_scores_that_the_documentation_names():
    expected = ["gbc", "h_score", "knn", "leep", "logme", "n_leep", "nce", "regularized_h_score", "ridge_loo", "trans_rate"]
    assert expected == NAMES


@pytest.mark.parametrize("name", ROTATION_INVARIANT)
def test_rotating_and_shifting_features_does_not_matter(name, draw):
    rows = draw()
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(11, 11)))[0]
    turned = LabeledFeatures(rows.features @ turn + 3, rows.labels, rows.source_probs)
    assert SCORES.get(name)(turned) == pytest.approx(SCORES.get(name)(rows), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [1, 13, 101])
def test_constant_features_give_a_number(name, width, draw):
    rows = draw()
    flat = LabeledFeatures(np.full((len(rows.labels), width), 3.0, np.float32), rows.labels, rows.source_probs)
    assert np.isfinite(SCORES.get(name)(flat))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [46, 47, 48, 500])
def test_more_features_than_rows_give_a_number(name, width, draw):
    assert np.isfinite(SCORES.get(name)(draw(width=width)))


@pytest.mark.parametrize("name", NAMES)
def test_one_row_a_class_gives_a_number_or_nothing(name):
    rows = LabeledFeatures(np.random.default_rng(0).normal(size=(3, 5)), np.arange(3), np.full((3, 2), 0.5))
    value = SCORES.get(name)(rows)
    assert value is None or np.isfinite(value)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_one_class_has_no_score(name, draw):
    rows = draw()
    assert SCORES.get(name)(LabeledFeatures(rows.features, np.full(47, 2), None)) is None
