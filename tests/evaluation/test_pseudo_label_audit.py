from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from headstart.evaluation.intervals import wilson
from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit, corrected_shares, pseudo_label_audit, same_shares_p_value

CLASSES = ("red", "green", "blue")
HELD = np.array([[0.97, 0.02, 0.01], [0.96, 0.02, 0.02], [0.1, 0.85, 0.05], [0.3, 0.3, 0.4], [0.01, 0.01, 0.98]])
LABELS = np.array([0, 1, 1, 2, 2])
POOL = np.array([[0.99, 0.005, 0.005], [0.2, 0.7, 0.1], [0.05, 0.05, 0.9], [0.02, 0.02, 0.96]])


def drawn(labels: np.ndarray, sharpness: float, seed: int) -> np.ndarray:
    """Probabilities that lean to each row's label."""
    scores = np.random.default_rng(seed).normal(size=(len(labels), 3))
    scores[np.arange(len(labels)), labels] += sharpness
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def test_precision_is_counted_on_held_out_rows_of_each_confidence() -> None:
    audit = pseudo_label_audit(POOL, HELD, LABELS, CLASSES)
    found = {level.confidence: (level.num_held_out, level.precision, level.pool_share) for level in audit.levels}
    assert found == {
        0.95: (3, wilson(2, 3), 0.5),
        0.8: (4, wilson(3, 4), 0.75),
        0.5: (4, wilson(3, 4), 1.0),
        0.0: (5, wilson(4, 5), 1.0),
    }
    assert (audit.num_held_out, audit.num_pool) == (5, 4)


def test_where_no_held_out_row_is_confident_nothing_is_claimed() -> None:
    audit = pseudo_label_audit(POOL, np.full((5, 3), 1 / 3), LABELS, CLASSES)
    assert audit.levels[0].precision is None
    assert audit.sentence.startswith("No held-out labeled image is predicted with 95% confidence; 50% of 4 unlabeled images are.")


def test_the_sentence_says_what_was_found() -> None:
    assert pseudo_label_audit(POOL, HELD, LABELS, CLASSES).sentence == (
        "Predictions with at least 95% confidence, which 50% of 4 unlabeled images reach, are right for 66.7% (21% to 94%) of 3 "
        "held-out labeled ones. No class is significantly more or less frequent among unlabeled than among labeled images "
        "(p = 1)."
    )
    labels, pool = np.arange(60) % 3, np.repeat([0, 1, 2], [10, 10, 180])
    skewed = pseudo_label_audit(np.eye(3)[pool], np.eye(3)[labels], labels, CLASSES)
    assert skewed.sentence.endswith(
        'The shares of the classes differ (p = 0.0005): "blue" makes up 33% of the labeled images and about 90% of the unlabeled '
        "ones. Methods that assume equal shares may do harm."
    )
    assert skewed.drift == pytest.approx(0.9 - 1 / 3)
    assert [(one.name, one.predicted) for one in skewed.classes] == [("red", 0.05), ("green", 0.05), ("blue", 0.9)]


def test_corrected_shares_undo_known_confusions() -> None:
    # Half of the greens look red, and a fifth of the blues look green.
    means = np.array([[0.9, 0.1, 0.0], [0.5, 0.4, 0.1], [0.0, 0.2, 0.8]])
    truth = np.array([0.2, 0.7, 0.1])
    held, labels = np.repeat(means, [7, 3, 11], axis=0), np.repeat([0, 1, 2], [7, 3, 11])
    np.testing.assert_allclose(corrected_shares((truth @ means)[None], held, labels), truth, atol=1e-12)


def test_a_class_without_held_out_rows_has_no_share() -> None:
    found = corrected_shares(POOL, HELD[LABELS != 1], LABELS[LABELS != 1])
    assert found[1] == 0
    assert found.sum() == pytest.approx(1)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 4))
def test_corrected_shares_are_shares(seed: int, sharpness: float) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, 11)
    found = corrected_shares(drawn(labels, sharpness, seed + 1), drawn(labels, sharpness, seed), labels)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize(("held", "pool"), [((7, 3), (20, 31)), ((9, 1), (20, 31)), ((5, 0), (17, 0))])
def test_for_two_classes_the_p_value_is_near_the_exact_one(held: tuple[int, int], pool: tuple[int, int]) -> None:
    found = same_shares_p_value(np.array(held), np.array(pool), 0)
    # The statistic orders tables a little differently from Fisher's test.
    assert found == pytest.approx(fisher_exact([held, pool]).pvalue, abs=0.04)


@pytest.mark.slow
def test_equal_shares_are_called_different_as_seldom_as_promised() -> None:
    draw = np.random.default_rng(4)
    found = [
        same_shares_p_value(draw.multinomial(23, [0.6, 0.3, 0.1]), draw.multinomial(311, [0.6, 0.3, 0.1]), seed)
        for seed in range(300)
    ]
    assert np.mean(np.array(found) < 0.05) <= 0.08
    assert np.mean(np.array(found) < 0.5) == pytest.approx(0.5, abs=0.1)


def test_other_shares_are_seen() -> None:
    held, pool = np.repeat([0, 1, 2], 150), np.repeat([0, 1, 2], [800, 360, 40])
    audit = pseudo_label_audit(drawn(pool, 3, 1), drawn(held, 3, 2), held, CLASSES)
    assert audit.p_value < 0.01
    truth = np.array([800, 360, 40]) / 1200
    corrected = np.array([one.corrected for one in audit.classes])
    predicted = np.array([one.predicted for one in audit.classes])
    assert np.abs(corrected - truth).max() < 0.04
    assert np.abs(corrected - truth).sum() < np.abs(predicted - truth).sum()
    assert audit.drift == pytest.approx(np.abs(corrected - 1 / 3).sum() / 2)


def test_it_is_the_same_again_and_survives_a_file() -> None:
    audit = pseudo_label_audit(POOL, HELD, LABELS, CLASSES, seed=3)
    assert pseudo_label_audit(POOL, HELD, LABELS, CLASSES, seed=3) == audit
    assert PseudoLabelAudit.from_json(audit.to_json(), "audit.json") == audit


def test_an_audit_of_the_first_format_is_read() -> None:
    audit = pseudo_label_audit(POOL, HELD, LABELS, CLASSES)
    values = audit.to_dict()
    values["num_held"] = values.pop("num_held_out")
    assert PseudoLabelAudit.from_json(json.dumps({"format": 1} | values)) == audit
