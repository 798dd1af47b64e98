from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from headstart.multioutput.metrics import estimates_of, metrics_for
from headstart.multioutput.predictions import OutputPredictions


def made(kind: str) -> OutputPredictions:
    rng = np.random.default_rng(4)
    if kind == "numbers":
        targets = rng.normal(10, 3, (53, 1))
        values = targets + rng.normal(size=(53, 1))
        low, high = values - 1.0, values + 1.5
    else:
        targets = (rng.random((53, 3)) < [0.5, 0.2, 0.0]).astype(float)
        values, low, high = np.round(np.clip(targets * 0.3 + rng.random((53, 3)) * 0.7, 0, 1), 1), None, None
    names = tuple(map(str, range(53)))
    outputs = tuple("abc"[: targets.shape[1]])
    thresholds = np.full_like(values, np.nan if kind == "numbers" else 0.5)
    return OutputPredictions(names, outputs, targets, values, np.arange(53) // 2, thresholds, low, high)


def test_labels_agree_with_scikit_learn():
    rows = made("several_labels")
    found = {name: estimate.value for name, estimate in estimates_of("several_labels", rows).items()}
    truth, said = rows.targets.astype(int), rows.said.astype(int)
    assert found == pytest.approx({
        "mean_average_precision": oracle.average_precision_score(truth[:, :2], rows.values[:, :2], average="macro"),
        "micro_f1": oracle.f1_score(truth, said, average="micro"),
        "macro_f1": oracle.f1_score(truth[:, :2], said[:, :2], average="macro"),
        "subset_accuracy": oracle.accuracy_score(truth, said),
        "hamming_loss": oracle.hamming_loss(truth, said),
    })  # fmt: skip


def test_numbers_agree_with_scikit_learn():
    rows = made("numbers")
    found = {name: estimate.value for name, estimate in estimates_of("numbers", rows).items()}
    inside = (rows.targets >= rows.low) & (rows.targets <= rows.high)
    assert found == pytest.approx({
        "r2": oracle.r2_score(rows.targets, rows.values),
        "mean_absolute_error": oracle.mean_absolute_error(rows.targets, rows.values),
        "root_mean_squared_error": oracle.root_mean_squared_error(rows.targets, rows.values),
        "interval_coverage": inside.mean(),
        "interval_width": 2.5,
    })  # fmt: skip


@pytest.mark.parametrize("kind", ["several_labels", "numbers"])
def test_weights_count_images_as_often_as_they_say(kind):
    rows = made(kind)
    weights = np.random.default_rng(5).integers(0, 3, (1, 53)).astype(float)
    repeated = rows.take(np.repeat(np.arange(53), weights[0].astype(int)))
    for metric in metrics_for(kind).values():
        assert metric.values(rows, weights) == pytest.approx(metric.values(repeated, np.ones((1, len(repeated)))))


def test_an_interval_holds_its_value_and_has_width_where_all_is_right():
    rows = made("several_labels")
    for estimate in estimates_of("several_labels", rows).values():
        assert estimate.low < estimate.value < estimate.high
    right = OutputPredictions(rows.names, rows.outputs, rows.targets, rows.targets, rows.groups, rows.thresholds)
    found = estimates_of("several_labels", right)["subset_accuracy"]
    assert found.value == found.high == 1
    assert found.low < 0.95


def test_predictions_are_read_as_they_were_written(tmp_path):
    for kind in ("several_labels", "numbers"):
        made(kind).write(tmp_path / "p.parquet")
        again = OutputPredictions.read(tmp_path / "p.parquet")
        np.testing.assert_equal(vars(again), vars(made(kind)))
