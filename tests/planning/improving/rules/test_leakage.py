"""Held-out rows that were too easy."""

from __future__ import annotations

import pytest

from headstart.core.estimate import Estimate
from headstart.core.evaluation import Confusion, Evaluation
from headstart.planning.improving.rules.leakage import leakage


@pytest.fixture
def tested():
    def make(value: float, high: float, split: str = "test") -> Evaluation:
        accuracy = Estimate(value=value, low=value - (high - value), high=high)
        confusion = Confusion(classes=("cat", "dog", "fox"), counts=((1, 0, 0), (0, 1, 0), (0, 0, 1)))
        return Evaluation(
            split=split, num_images=113, metrics={"accuracy": accuracy}, per_class=(), confusion=confusion, protocol=""
        )

    return make


def test_test_images_found_much_less_often_than_held_out_ones_are_told(make_evidence, tested):
    (said,) = leakage(make_evidence(held_wrong=(1, 1, 1), evaluation=tested(0.7, 0.79)))
    assert said.code == "leakage"
    assert said.title == "Accuracy is 95.0% on held-out training images and 70.0% on the 113 test images."
    assert said.evidence == {"held_out": 0.95, "test": 0.7}


def test_a_difference_that_the_test_cannot_tell_from_noise_is_not(make_evidence, tested):
    assert not list(leakage(make_evidence(held_wrong=(1, 1, 1), evaluation=tested(0.7, 0.86))))


def test_numbers_out_of_fold_are_no_test(make_evidence, tested):
    assert not list(leakage(make_evidence(held_wrong=(1, 1, 1), evaluation=tested(0.7, 0.75, "out of fold"))))
    assert not list(leakage(make_evidence(held_wrong=(1, 1, 1))))
