"""The best of each side, alone or combined, and by simulation how often a verdict names a winner where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from headstart.core.predictions import Predictions
from headstart.planning.candidate import Candidate, Family
from headstart.planning.cross_validation import CrossValidated, _result
from headstart.planning.deciding.selection import contenders_of, side_of
from headstart.planning.deciding.verdict import verdict_of
from headstart.planning.plan import is_gradient
from headstart.training.settings import Training

RIDGE = {"kind": "ridge", "blocks": "stages+pixels"}
MEMBERS: tuple[tuple[Family, str, dict[str, str]], ...] = (
    ("transfer", "efficientnet_lite0", RIDGE),
    ("transfer", "efficientnet_lite1", RIDGE),
    ("transfer", "efficientnet_lite2", RIDGE),
    ("scratch", "small_cnn", {"kind": "fine_tune"}),
    ("baseline", "pixels", {"kind": "ridge", "blocks": "penultimate"}),
)


def validated(family: Family, network: str, method: dict[str, str], probs: np.ndarray, labels: np.ndarray) -> CrossValidated:
    weights = "pretrained" if family == "transfer" else "none"
    made = Candidate(family=family, pretrained=network, weights=weights, input_pixels=96, method=method, training=Training())
    names = tuple(f"{row}.png" for row in range(len(labels)))
    predictions = Predictions(names, ("a", "b", "c"), labels, probs, probs, np.arange(len(labels)))
    return CrossValidated(made, _result(made, predictions, 5, 0.0), predictions, 1.0 if is_gradient(method) else None)


def tried(evidence: np.ndarray, labels: np.ndarray) -> list[CrossValidated]:
    """The class shares, and a candidate for each of the scores [candidate, sample, class]."""
    shares = np.tile((np.bincount(labels, minlength=3) + 1.0) / (len(labels) + 3), (len(labels), 1))
    chance = validated("chance", "pixels", {"kind": "ridge"}, shares, labels)
    fitted = [validated(*one, softmax(scores, axis=1), labels) for one, scores in zip(MEMBERS, evidence, strict=True)]
    return [chance, *fitted]


def judged(candidates: list[CrossValidated], seed: int) -> str:
    best, transfer, without, _, _ = contenders_of(candidates, False, 5, seed)
    assert best is not None
    assert transfer is not None
    return verdict_of(side_of(best), side_of(transfer), side_of(without), side_of(candidates[0]), seed)[0]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr("headstart.evaluation.compare.DRAWS", 300)


def drawn(seed: int, num: int = 120) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, num)
    return draw, labels, np.eye(3)[labels]


def test_the_best_has_a_member_that_transfers_and_the_other_side_has_none():
    draw, labels, truth = drawn(0)
    strength = np.array([1.5, 1.5, 1.5, 2.0, 1.0])[:, None, None]
    candidates = tried(strength * truth + 0.8 * draw.normal(size=(5, 120, 3)), labels)
    best, transfer, without, made, _ = contenders_of(candidates, False, 5, 0)
    assert {member.family for member in best.candidate.members} >= {"transfer", "scratch"}
    assert {member.family for member in transfer.candidate.members} == {"transfer"}
    assert "transfer" not in {member.family for member in without.candidate.members}
    assert set(map(id, made)) >= {id(best), id(transfer)}


def test_one_member_asks_for_single_models_alone():
    draw, labels, truth = drawn(1)
    candidates = tried(1.5 * truth + draw.normal(size=(5, 120, 3)), labels)
    contenders = contenders_of(candidates, False, 1, 0)
    assert contenders.made == ()
    assert not contenders.best.members


@pytest.mark.slow
def test_permuted_labels_are_no_difference_in_nineteen_of_twenty():
    verdicts = []
    for seed in range(20):
        draw, labels, truth = drawn(seed)
        permuted = draw.permutation(labels)
        verdicts.append(judged(tried(0.5 * truth + 0.3 * draw.normal(size=(5, 120, 3)), permuted), seed))
    assert verdicts.count("no difference") >= 19


@pytest.mark.slow
def test_one_model_under_two_names_has_a_false_winner_in_at_most_five_per_cent():
    false_winners = 0
    for seed in range(200):
        draw, labels, truth = drawn(seed, 80)
        common = 1.2 * truth + draw.normal(size=(80, 3))
        false_winners += judged(tried(np.stack([common] * 5), labels), seed) != "no difference"
    assert false_winners <= 10
