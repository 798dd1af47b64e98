"""Ensembles where some candidates predicted the rows of the first folds alone."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.predictions import Predictions
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.ensemble import best_ensemble, ensemble_gain
from headstart.training.settings import Training

NUM_ROWS, NUM_FIRST = 600, 360
METHODS = {"ridge": {"kind": "ridge", "blocks": "stages+pixels"}, "lp_ft": {"kind": "lp_ft"}}


def candidate(kind: str, network: str = "efficientnet_lite0") -> Candidate:
    return Candidate(family="transfer", pretrained=network, input_pixels=96, method=METHODS[kind], training=Training())


def validated(made: Candidate, evidence: np.ndarray, labels: np.ndarray) -> CrossValidated:
    """The candidate with predictions of the first rows, by the evidence that it has for the second class."""
    count = len(evidence)
    second = 1 / (1 + np.exp(-evidence))
    probs = np.stack([1 - second, second], axis=1)
    names = tuple(f"{row}.png" for row in range(count))
    predictions = Predictions(names, ("a", "b"), labels[:count], probs, probs, np.arange(count))
    result = made.result(num_rows=count, num_folds=5 if count == NUM_ROWS else 3)
    return CrossValidated(made, result, predictions, 1.0 if made.method["kind"] == "lp_ft" else None)


@pytest.fixture
def tried() -> dict[str, CrossValidated]:
    """Two ridges that see the same noise, and fine-tuning that sees noise of its own on the rows of three folds."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, NUM_ROWS)
    truth = 2.0 * labels - 1
    noise = generator.normal(size=(3, NUM_ROWS))
    ridge = validated(candidate("ridge"), truth + 1.2 * noise[0], labels)
    other = validated(candidate("ridge", "efficientnet_lite1"), truth + 1.2 * noise[0] + 0.1 * noise[2], labels)
    tuned = validated(candidate("lp_ft"), (truth + 1.2 * noise[1])[:NUM_FIRST], labels)
    return {"ridge": ridge, "other": other, "tuned": tuned}


def test_what_predicted_fewer_rows_is_a_member_where_it_helps_on_them(tried):
    best = best_ensemble(list(tried.values()), 3)
    assert best is not None
    assert best.result.num_rows == NUM_FIRST
    assert best.candidate.members[0].method["kind"] == "lp_ft"
    assert len(best.candidate.members) > 1
    gain = ensemble_gain(best, [*tried.values(), best], 0)
    assert gain is not None
    assert gain.comparison.num_rows == NUM_FIRST
    assert gain.comparison.log_loss_gain.value > 0


def test_what_predicted_fewer_rows_is_left_out_where_it_adds_nothing(tried):
    copy = tried["ridge"].predictions.take(np.arange(NUM_FIRST))
    made = candidate("lp_ft")
    same = CrossValidated(made, made.result(num_rows=NUM_FIRST, num_folds=3), copy, 1.0)
    best = best_ensemble([tried["ridge"], tried["other"], same], 3)
    assert best is None or best.result.num_rows == NUM_ROWS


def test_nothing_is_weighed_on_rows_that_a_candidate_lacks(tried):
    assert tried["tuned"].on_rows(tried["ridge"].predictions.names) is None
    shared = tried["ridge"].on_rows(tried["tuned"].predictions.names)
    assert shared.predictions.names == tried["tuned"].predictions.names
    assert shared.result.num_rows == NUM_FIRST
