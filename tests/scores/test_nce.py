"""NCE: the fixture and a conditional entropy by hand."""

from dataclasses import replace

import numpy as np
import pytest

from headstart.features.feature_set import LabeledFeatures
from headstart.scores.nce import nce


def test_fixture(fixture_rows):
    assert nce(fixture_rows) == pytest.approx(0, abs=1e-12)


def test_fixture_with_its_third_row_moved(fixture_rows):
    probs = fixture_rows.source_probs.copy()
    probs[2] = [0.3, 0.5, 0.2]
    assert nce(replace(fixture_rows, source_probs=probs)) == pytest.approx(-0.374890, abs=5e-7)


def test_one_source_class_gives_minus_the_entropy():
    labels = np.array([0, 1, 1, 1])
    probs = np.tile([0.9, 0.1], (4, 1))
    expected = 0.25 * np.log(0.25) + 0.75 * np.log(0.75)
    assert nce(LabeledFeatures(np.zeros((4, 1)), labels, probs)) == pytest.approx(expected)
