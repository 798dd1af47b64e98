import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from headstart.core.predictions import Predictions
from headstart.evaluation.intervals import wilson
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics import all_metrics
from headstart.evaluation.metrics import metrics_of as metrics_of_labeled


def metrics_of(predictions: Predictions):
    return metrics_of_labeled(LabeledPredictions(predictions))


def per_class_of(predictions: Predictions):
    return LabeledPredictions(predictions).per_class


def estimate(name: str, predictions: Predictions):
    return all_metrics()[name].estimate(LabeledPredictions(predictions))


def test_every_value_agrees_with_scikit_learn(make_predictions):
    predictions = make_predictions(0, (53, 7, 29, 101))
    labels, predicted, probs = predictions.labels, predictions.predicted, predictions.probs
    found = metrics_of(predictions)
    expected = {
        "accuracy": oracle.accuracy_score(labels, predicted),
        "balanced_accuracy": oracle.balanced_accuracy_score(labels, predicted),
        "macro_precision": oracle.precision_score(labels, predicted, average="macro"),
        "macro_recall": oracle.recall_score(labels, predicted, average="macro"),
        "macro_f1": oracle.f1_score(labels, predicted, average="macro"),
        "log_loss": oracle.log_loss(labels, probs),
        "auroc": oracle.roc_auc_score(labels, probs, multi_class="ovr"),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected)
    assert list(found) == [*list(expected)[:6], "ece", "ece_before_temperature", "auroc"]
    assert all(each.low <= each.value <= each.high for each in found.values())


def test_rows_of_classes_agree_with_scikit_learn(make_predictions):
    predictions = make_predictions(0, (53, 7, 29, 101))
    rows = per_class_of(predictions)
    expected = oracle.precision_recall_fscore_support(predictions.labels, predictions.predicted)
    for key, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [getattr(row, key) for row in rows] == pytest.approx(column.tolist())
    assert [row.name for row in rows] == list(predictions.classes)


def test_confusion_agrees_with_scikit_learn(make_predictions):
    predictions = make_predictions(0, (53, 7, 29, 101))
    expected = oracle.confusion_matrix(predictions.labels, predictions.predicted)
    assert np.array_equal(LabeledPredictions(predictions).confusion.counts, expected)


def test_area_of_two_classes_is_that_of_one_curve(make_predictions):
    predictions = make_predictions(3, (41, 17), skill=0.7)
    found = estimate("auroc", predictions)
    assert found.value == pytest.approx(oracle.roc_auc_score(predictions.labels, predictions.probs[:, 1]))
    assert found.low < found.value < found.high


def test_area_counts_ties_half():
    probs = np.array([[0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    predictions = Predictions(("a", "b", "c"), ("no", "yes"), np.array([0, 1, 1]), probs, probs, np.arange(3))
    assert estimate("auroc", predictions).value == pytest.approx(0.75)


@pytest.mark.slow
def test_area_interval_agrees_with_a_bootstrap_of_whole_curves(make_predictions):
    predictions = make_predictions(3, (61, 47), skill=0.7)
    rng, areas = np.random.default_rng(0), []
    parts = [np.flatnonzero(predictions.labels == label) for label in (0, 1)]
    for _ in range(500):
        rows = np.concatenate([rng.choice(part, len(part)) for part in parts])
        areas.append(oracle.roc_auc_score(predictions.labels[rows], predictions.probs[rows, 1]))
    low, high = np.quantile(areas, [0.025, 0.975])
    found = estimate("auroc", predictions)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)


def test_area_is_absent_when_one_class_has_all_images(make_predictions):
    predictions = make_predictions(0, (9, 0))
    assert estimate("auroc", predictions) is None
    assert "auroc" not in metrics_of(predictions)


def test_classes_without_images_are_left_out_of_averages(make_predictions):
    predictions = make_predictions(0, (31, 0, 23))
    recall = metrics_of(predictions)["macro_recall"]
    assert recall.value == pytest.approx(np.mean([row.recall for row in per_class_of(predictions) if row.support]))
    assert recall.low > recall.value - 0.2


def test_accuracy_without_groups_is_wilson(make_predictions):
    predictions = make_predictions(0, (13, 16))
    assert estimate("accuracy", predictions) == wilson(int(predictions.correct.sum()), 29)


def test_a_class_that_is_all_right_keeps_an_interval_beside_duplicates(make_predictions):
    predictions = make_predictions(0, (4, 4), skill=50.0, group_size=1)
    grouped = replace(predictions, groups=np.array([0, 0, 1, 2, 3, 4, 5, 6]))
    assert grouped.correct.all()
    for row in LabeledPredictions(grouped).per_class:
        num_groups = len(np.unique(grouped.groups[grouped.labels == grouped.classes.index(row.name)]))
        expected = wilson(num_groups, num_groups)
        for low, high in ((row.recall_low, row.recall_high), (row.precision_low, row.precision_high)):
            assert (low, high) == pytest.approx((expected.low, 1.0))
        assert row.f1_low == pytest.approx(2 * expected.low / (1 + expected.low))
    assert estimate("balanced_accuracy", grouped).low < 0.9
    assert estimate("accuracy", grouped).low == pytest.approx(wilson(7, 7).low)


def test_a_class_that_is_never_predicted_has_no_measured_precision_beside_duplicates(make_predictions):
    predictions = make_predictions(0, (4, 4), skill=50.0)
    probs = np.tile([0.9, 0.1], (8, 1))
    never = replace(predictions, probs=probs, groups=np.array([0, 0, 1, 2, 3, 4, 5, 6]))
    second = LabeledPredictions(never).per_class[1]
    assert (second.precision, second.precision_low, second.precision_high) == (0.0, 0.0, 1.0)
    assert second.recall_high > 0.3


def test_accuracy_with_groups_is_wider(make_predictions):
    predictions = make_predictions(0, (60, 60), skill=0.5)
    grouped = predictions.take(np.repeat(np.arange(120), 5))
    naive, clustered = wilson(float(grouped.correct.sum()), 600), estimate("accuracy", grouped)
    assert clustered.high - clustered.low > 1.8 * (naive.high - naive.low)


def test_perfect_predictions_keep_honest_intervals():
    labels = np.repeat([0, 1], [7, 13])
    probs = np.eye(2)[labels]
    predictions = Predictions(tuple(map(str, range(20))), ("a", "b"), labels, probs, probs, np.arange(20))
    found = metrics_of(predictions)
    for name in ("accuracy", "balanced_accuracy", "macro_precision", "macro_f1"):
        assert found[name].value == 1.0
        assert found[name].low < 0.9
    grouped = Predictions(tuple(map(str, range(20))), ("a", "b"), labels, probs, probs, np.arange(20) // 4)
    assert estimate("accuracy", grouped) == wilson(5, 5)


def test_a_class_never_predicted_has_an_open_precision():
    probs = np.tile([0.9, 0.1], (5, 1))
    rows = per_class_of(Predictions(tuple("abcde"), ("x", "y"), np.array([0, 0, 0, 1, 1]), probs, probs, np.arange(5)))
    assert (rows[1].precision, rows[1].precision_low, rows[1].precision_high) == (0.0, 0.0, 1.0)
    assert rows[1].f1 == 0.0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_values_do_not_depend_on_the_order_of_rows_or_the_names_of_classes(seed):
    rng = np.random.default_rng(seed)
    labels, probs = rng.integers(0, 3, 37), rng.dirichlet(np.ones(3), 37)
    names = tuple(map(str, range(37)))
    first = metrics_of(Predictions(names, ("a", "b", "c"), labels, probs, probs, np.arange(37)))
    rows, turn = rng.permutation(37), np.array([2, 0, 1])
    turned = probs[rows][:, np.argsort(turn)]
    second = metrics_of(Predictions(names, ("b", "c", "a"), turn[labels[rows]], turned, turned, np.arange(37)))
    assert {name: each.value for name, each in first.items()} == pytest.approx(
        {name: each.value for name, each in second.items()}
    )


def test_some_metrics_are_what_they_are_among_all(make_predictions):
    predictions = make_predictions(0, (31, 23, 5))
    some = metrics_of_labeled(LabeledPredictions(predictions), ("log_loss", "accuracy", "balanced_accuracy"))
    assert list(some) == ["log_loss", "accuracy", "balanced_accuracy"]
    assert some.items() <= metrics_of(predictions).items()


def test_same_predictions_give_the_same_intervals(make_predictions):
    assert metrics_of(make_predictions(0, (31, 23))) == metrics_of(make_predictions(0, (31, 23)))


@pytest.mark.slow
def test_ten_thousand_images_take_seconds(make_predictions):
    predictions = make_predictions(0, (1000,) * 10)
    begun = time.process_time()
    metrics_of(predictions)
    assert time.process_time() - begun < 6
