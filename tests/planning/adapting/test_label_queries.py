"""Which target rows are asked for, and what their labels decide."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.errors import PlanError
from headstart.planning.adapting.label_queries import chosen_by_labels, query_rows

NUM = 97


def candidates(seed: int, num_differing: int) -> list[np.ndarray]:
    """Two candidates that differ on the first rows and agree on the others."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, NUM)
    other = labels.copy()
    other[:num_differing] = (other[:num_differing] + 1) % 3
    return [np.eye(3)[labels] * 0.8 + 0.1, np.eye(3)[other] * 0.8 + 0.1]


def features(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(NUM, 5)) + 3.0


def test_rows_are_asked_for_where_candidates_differ():
    rows = query_rows(candidates(1, 41), features(1), 13, 0)
    assert len(set(rows.tolist())) == 13
    assert rows.max() < 41
    assert (np.diff(rows) > 0).all()


def test_where_few_differ_all_of_them_are_asked_for_and_others_are_added():
    rows = query_rows(candidates(2, 5), features(2), 13, 0)
    assert set(range(5)) <= set(rows.tolist())
    assert len(set(rows.tolist())) == 13


def test_more_rows_than_there_are_gives_every_row():
    np.testing.assert_array_equal(query_rows(candidates(3, 7), features(3), 500, 0), np.arange(NUM))


def test_every_differing_row_is_as_likely_as_any_other():
    probs, places, counts = candidates(4, 40), features(4), np.zeros(NUM)
    for seed in range(400):
        counts[query_rows(probs, places, 10, seed)] += 1
    assert counts[40:].sum() == 0
    np.testing.assert_allclose(counts[:40] / 400, 0.25, atol=0.09)


def test_wins_less_losses_are_unbiased():
    """Candidate two is right on 30 of 40 differing rows: the mean over draws of its share of wins comes to that."""
    probs, places = candidates(5, 40), features(5)
    truth = np.where(np.arange(NUM) < 30, probs[1].argmax(axis=1), probs[0].argmax(axis=1))
    shares = []
    for seed in range(300):
        rows = query_rows(probs, places, 8, seed)
        shares.append((probs[1].argmax(axis=1)[rows] == truth[rows]).mean())
    assert np.mean(shares) == pytest.approx(0.75, abs=0.02)


def test_less_than_one_row_is_refused():
    with pytest.raises(PlanError, match=r"^num = 0: ask for one image or more\.$"):
        query_rows(candidates(6, 3), features(6), 0, 0)


TRUTH = np.zeros(20, np.int64)


def right_on(num: int) -> np.ndarray:
    return np.where(np.arange(20) < num, 0, 1)


def decided(predicted: dict[str, np.ndarray], favored: tuple[str, ...] = ()):
    together = predicted[favored[0]] if favored else predicted["source_only"]
    return chosen_by_labels(TRUTH, predicted, favored, together)


def test_a_candidate_that_wins_clearly_is_chosen_whatever_validators_score():
    names, sentence, p_value = decided({"source_only": right_on(5), "coral": right_on(15)})
    assert p_value == pytest.approx(2 * 0.5**10)
    assert names == ("coral",)
    assert sentence == "Labels decide: of 20 labeled target images, coral gets 15 right and the unadapted model 5 (p = 0.002)."


def test_a_candidate_within_a_standard_error_predicts_with_the_best():
    """Two rows won and none lost is more than the square root of two; one won is its own root."""
    predicted = {"source_only": right_on(5), "coral": right_on(16), "tca": right_on(14), "jdot": right_on(15)}
    names, sentence, p_value = decided(predicted)
    assert p_value == pytest.approx(3 * 2 * 0.5**11)
    assert names == ("coral", "jdot")
    assert sentence.endswith("(p = 0.00098); jdot predicts with it, within one standard error.")


def test_a_narrow_win_leaves_the_validators_choice():
    predicted = {"source_only": right_on(10), "coral": right_on(11)}
    names, sentence, p_value = decided(predicted, ("coral",))
    assert names == ("coral",)
    assert sentence == ("Labels do not decide: coral wins 1 and loses 0 of 20 target images against the unadapted model.")
    assert p_value is None
    names, sentence, p_value = decided(predicted)
    assert (names, p_value) == (("source_only",), None)
    assert sentence == (
        "The unadapted model stays: of 20 labeled target images, coral gets 11 right and the unadapted model 10 (p = 1)."
    )


def test_labels_clearly_against_the_validators_choice_reject_it():
    found = decided({"source_only": right_on(12), "coral": right_on(8)}, ("coral",))
    assert (found.chosen, found.p_value) == (("source_only",), None)


def test_a_loss_that_chance_explains_leaves_the_validators_choice():
    assert decided({"source_only": right_on(10), "coral": right_on(9)}, ("coral",))[0] == ("coral",)


def test_all_that_validators_chose_stay_together():
    predicted = {"source_only": right_on(10), "coral": right_on(10), "tca": right_on(9)}
    assert decided(predicted, ("coral", "tca"))[0] == ("coral", "tca")
