"""Degenerate predictions: each fault by hand, with the sentence that it gives."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.planning.adapting.degenerate_predictions import agreement_fault, shares_fault

EXPECTED = np.array([0.5, 0.3, 0.2])


@pytest.mark.parametrize(
    ("shares", "exact", "fault"),
    [
        ([1.0, 0.0, 0.0], False, "its predictions are degenerate: every row gets the same class"),
        ([0.2, 0.3, 0.5], True, "its class shares are 0.30 from those that explain the target, where 0.2 is the most"),
        ([0.2, 0.3, 0.5], False, ""),
        ([0.6, 0.39, 0.01], True, "its predictions are degenerate: 1 of 3 classes hardly occur in them"),
        ([0.9, 0.06, 0.04], False, "its predictions are degenerate: the entropy of its class shares is 0.39 nats, not 1.03"),
        ([0.55, 0.3, 0.15], True, ""),
    ],
    ids=["one class", "far", "far where shares are unsure", "lost class", "little entropy", "sound"],
)
def test_faults_of_shares(shares, exact, fault):
    assert shares_fault(np.array(shares), EXPECTED, exact=exact) == fault


def test_faults_of_agreement_and_source_accuracy():
    assert agreement_fault(0.4, None, 0.9) == (
        "it agrees with the unadapted model on only 40% of the rows of which that model is sure"
    )
    assert agreement_fault(0.9, 0.7, 0.9) == "its source accuracy fell from 90.0% to 70.0%"
    assert agreement_fault(0.9, 0.85, 0.9) == ""
    assert agreement_fault(None, None, None) == ""
