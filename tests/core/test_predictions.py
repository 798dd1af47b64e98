"""Predictions: rows go to disk and come back whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.core.errors import DataError
from headstart.core.predictions import Predictions, joined, mean_of


def made(num: int, width: int = 3, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    probs, raw = (rng.dirichlet(np.ones(width), num) for _ in range(2))
    names = tuple(f"bild-\u00fc{seed}-{row}.png" for row in range(num))
    classes = tuple(f"klasse {label}" for label in range(width))
    return Predictions(names, classes, rng.integers(-1, width, num), probs, raw, rng.integers(0, 5, num))


def equal(one: Predictions, two: Predictions) -> bool:
    arrays = ("labels", "probs", "raw_probs", "groups")
    same = all(np.array_equal(getattr(one, name), getattr(two, name)) for name in arrays)
    return same and one.names == two.names and one.classes == two.classes


@given(st.integers(0, 7), st.integers(1, 5), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read_to_the_last_bit(tmp_path_factory, num, width, seed):
    path = tmp_path_factory.mktemp("rows") / "predictions.parquet"
    rows = made(num, width, seed)
    rows.write(path)
    assert equal(Predictions.read(path), rows)


def test_rows_are_taken_by_index_and_by_mask_alike():
    rows = made(7)
    mask = np.array([True, False, False, True, True, False, True])
    assert equal(rows.take(mask), rows.take(np.flatnonzero(mask)))
    assert rows.take(np.array([5, 2])).names == (rows.names[5], rows.names[2])


def test_joined_parts_keep_their_order():
    rows = made(7)
    parts = [rows.take(np.arange(3)), rows.take(np.arange(3, 7))]
    assert equal(joined(parts), rows)


def test_p_values_go_with_their_rows_to_disk_and_back(tmp_path):
    rows = replace(made(7), p_values=np.linspace(0.1, 0.7, 7))
    rows.write(tmp_path / "judged.parquet")
    assert Predictions.read(tmp_path / "judged.parquet").p_values.tolist() == rows.p_values.tolist()
    table = pq.read_table(tmp_path / "judged.parquet")
    earlier = [{"p_value": "familiarity"}.get(name, name) for name in table.column_names]
    pq.write_table(table.rename_columns(earlier).replace_schema_metadata(table.schema.metadata), tmp_path / "earlier.parquet")
    assert Predictions.read(tmp_path / "earlier.parquet").p_values.tolist() == rows.p_values.tolist()
    assert rows.take(np.array([6, 1])).p_values.tolist() == [rows.p_values[6], rows.p_values[1]]
    parts = [rows.take(np.arange(3)), rows.take(np.arange(3, 7))]
    assert joined(parts).p_values.tolist() == rows.p_values.tolist()
    assert joined([made(2), rows]).p_values is None
    assert joined([rows, made(2)]).p_values is None


def test_losses_and_hits_of_a_case_by_hand():
    probs = np.array([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]])
    rows = Predictions(("a", "b", "c"), ("x", "y"), np.array([1, 0, 1]), probs, probs, np.arange(3))
    assert rows.predicted.tolist() == [0, 0, 0]
    assert rows.correct.tolist() == [0.0, 1.0, 0.0]
    np.testing.assert_allclose(rows.log_losses, [np.log(4), np.log(2), 12 * np.log(10)])


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(DataError) as caught:
        Predictions.read(tmp_path / "none.parquet")
    assert str(caught.value).startswith(f"{tmp_path / 'none.parquet'} is not a file of predictions (")
    assert str(caught.value).endswith("). Delete it and run again.")


def other_table(path):
    pq.write_table(pa.table({"name": ["a"]}), path)


def classes_torn(path):
    made(2).write(path)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"classes": '["a"'}), path)


def no_classes(path):
    made(2).write(path)
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)


@pytest.mark.parametrize("spoil", [other_table, classes_torn, no_classes, lambda path: path.write_bytes(b"PAR1")])
def test_other_files_are_refused(tmp_path, spoil):
    path = tmp_path / "predictions.parquet"
    spoil(path)
    with pytest.raises(DataError, match=r"is not a file of predictions \([^\n]*\)\. Delete it and run again\.$"):
        Predictions.read(path)


def test_a_mean_of_two_by_hand():
    labels, groups = np.zeros(1, np.int64), np.zeros(1, np.int64)
    sides = [
        Predictions(("a",), ("x", "y"), labels, probs, probs, groups)
        for probs in (np.array([[0.9, 0.1]]), np.array([[0.5, 0.5]]))
    ]
    np.testing.assert_allclose(mean_of(sides).probs, [[0.75, 0.25]])  # odds of 9 and 1 have a geometric mean of 3
    np.testing.assert_allclose(mean_of(sides, (1.5, 7.0)).probs, [[27 / 28, 1 / 28]])
    np.testing.assert_allclose(mean_of(sides, (1.5, 7.0)).raw_probs, [[0.75, 0.25]])


def test_a_model_that_counts_nothing_changes_nothing():
    labels, groups = np.zeros(1, np.int64), np.zeros(1, np.int64)
    first, second = (
        Predictions(("a",), ("x", "y"), labels, probs, probs, groups)
        for probs in (np.array([[0.8, 0.2]]), np.array([[0.0, 1.0]]))
    )
    np.testing.assert_allclose(mean_of([first, second], (1.0, 0.0)).probs, [[0.8, 0.2]])
