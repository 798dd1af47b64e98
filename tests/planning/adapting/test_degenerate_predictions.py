"""Collapse detectors: each fault by hand, with the sentence that it gives."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.planning.adapting.degenerate_predictions import agreement_fault, predicted_shares, share_distance, shares_fault

EXPECTED = np.array([0.5, 0.3, 0.2])


def test_predicted_shares_count_the_likeliest_classes():
    probs = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7], [0.9, 0.1, 0.0]])
    np.testing.assert_allclose(predicted_shares(probs), [0.75, 0.0, 0.25])


def test_distance_is_total_variation():
    assert share_distance(EXPECTED, np.array([0.2, 0.3, 0.5])) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("shares", "exact", "fault"),
    [
        ([1.0, 0.0, 0.0], False, "it collapsed: every row gets the same class"),
        ([0.2, 0.3, 0.5], True, "its class shares are 0.30 from those that explain the target, where 0.2 is the most"),
        ([0.2, 0.3, 0.5], False, ""),
        ([0.6, 0.39, 0.01], True, "it collapsed: 1 of 3 classes hardly occur in what it predicts"),
        ([0.9, 0.06, 0.04], False, "it collapsed: the entropy of its class shares is 0.39 nats, where 1.03 fit"),
        ([0.55, 0.3, 0.15], True, ""),
    ],
    ids=["one class", "far", "far where shares are unsure", "lost class", "little entropy", "sound"],
)
def test_faults_of_shares(shares, exact, fault):
    assert shares_fault(np.array(shares), EXPECTED, exact=exact) == fault


def test_faults_of_agreement_and_source_accuracy():
    assert agreement_fault(0.4, None, 0.9) == "it keeps 40% only of what the unadapted model is sure of"
    assert agreement_fault(0.9, 0.7, 0.9) == "its source accuracy fell from 90.0% to 70.0%"
    assert agreement_fault(0.9, 0.85, 0.9) == ""
    assert agreement_fault(None, None, None) == ""
