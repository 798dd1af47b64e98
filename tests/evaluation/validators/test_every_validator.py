"""Every validator: higher for the better of two models, blind to the order of rows and to the names of classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import VALIDATORS

NUM_TARGET, NUM_SOURCE, NUM_CLASSES, WIDTH = 61, 43, 5, 7

each_validator = pytest.mark.parametrize("name", VALIDATORS.names())


def probs_of(labels: np.ndarray, skill: float, random: np.random.Generator) -> np.ndarray:
    """Probabilities that know the labels the better, the greater the skill."""
    return softmax(skill * np.eye(NUM_CLASSES)[labels] + random.normal(size=(len(labels), NUM_CLASSES)), axis=1)


def evidence(seed: int, skill: float) -> ValidatorInputs:
    """What a candidate of that skill shows."""
    random = np.random.default_rng(seed)
    labels, source = (random.integers(0, NUM_CLASSES, num) for num in (NUM_TARGET, NUM_SOURCE))
    return ValidatorInputs(
        target_probs=probs_of(labels, skill, random),
        target_features=3.0 * np.eye(NUM_CLASSES, WIDTH)[labels] + random.normal(size=(NUM_TARGET, WIDTH)) * 0.3 + 11.0,
        source_features=3.0 * np.eye(NUM_CLASSES, WIDTH)[source] + random.normal(size=(NUM_SOURCE, WIDTH)) * 0.3 + 11.0,
        source_weights=np.ones(NUM_SOURCE),
        source_labels=source,
        circular_probs=probs_of(source, skill, random),
    )


@each_validator
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_validator_is_higher_for_the_more_skilled_of_two_models(name, seed):
    validator = VALIDATORS.get(name)
    assert validator(evidence(seed, 9.0)) > validator(evidence(seed, 1.0))


@each_validator
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), skill=st.floats(0.0, 6.0))
def test_neither_order_nor_names_matter(name, seed, skill):
    validator, given_one = VALIDATORS.get(name), evidence(seed, skill)
    random = np.random.default_rng(seed + 1)
    target, source, classes = (random.permutation(num) for num in (NUM_TARGET, NUM_SOURCE, NUM_CLASSES))
    renamed = np.argsort(classes)
    other = ValidatorInputs(
        target_probs=given_one.target_probs[target][:, classes],
        target_features=given_one.target_features[target],
        source_features=given_one.source_features[source],
        source_weights=given_one.source_weights[source],
        source_labels=renamed[given_one.source_labels[source]],
        circular_probs=given_one.circular_probs[source][:, classes],
    )
    assert validator(other) == pytest.approx(validator(given_one), rel=1e-6, abs=1e-9)


def test_what_is_missing_makes_those_validators_abstain_that_need_it():
    given_one = evidence(3, 2.0)
    without = {
        "circular": replace(given_one, circular_probs=None),
        "joint_match": replace(given_one, source_weights=np.zeros(NUM_SOURCE)),
    }
    for missing, inputs in without.items():
        assert {name for name, validator in VALIDATORS.all().items() if validator(inputs) is None} == {missing}


@each_validator
def test_a_validator_says_where_it_misleads_and_whose_it_is(name):
    text = VALIDATORS.get(name).__doc__
    assert "Limits:" in text
    assert "Reference:" in text
