"""Predictions: every program reads the table, and a byte that changed is seen."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from headstart.core.errors import DamagedError
from headstart.core.predictions import Predictions
from headstart.core.sealed_tables import read_sealed

PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=7)
KNOWN = Predictions(tuple("abcdefg"), ("x", "y", "z"), np.array([0, 1, 2, 0, 1, -1, 2]), PROBS, PROBS[:, ::-1], np.arange(7))


def same(first: Predictions, second: Predictions) -> bool:
    arrays = all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in ("labels", "probs", "raw_probs", "groups")
    )
    return arrays and (first.names, first.classes) == (second.names, second.classes)


def test_other_programs_read_the_table(tmp_path):
    KNOWN.write(tmp_path / "p.parquet")
    assert pq.read_table(tmp_path / "p.parquet")["name"].to_pylist() == list("abcdefg")
    assert same(Predictions.read(tmp_path / "p.parquet"), KNOWN)


def test_every_byte_that_changes_is_seen(tmp_path):
    path = tmp_path / "p.parquet"
    KNOWN.write(path)
    content = path.read_bytes()
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x21]) + content[place + 1 :])
        try:
            found = Predictions.read(path)
        except DamagedError as error:
            assert str(path) in str(error)  # noqa: PT017  nearly all are refused, the rest are harmless
        else:
            assert same(found, KNOWN), place


def test_a_table_of_an_earlier_version_is_read_and_its_values_are_checked(tmp_path):
    path = tmp_path / "p.parquet"
    KNOWN.write(path)
    table = pq.read_table(path)
    pq.write_table(table, path)
    assert same(Predictions.read(path), KNOWN)
    labels = table.column_names.index("label")
    pq.write_table(table.set_column(labels, "label", [np.full(7, 3)]), path)
    with pytest.raises(
        DamagedError, match=r"p\.parquet is not a file of predictions \(label is 3 to 3, and -1 to 2 are allowed\)"
    ):
        Predictions.read(path)
    probs = table.column_names.index("probs")
    pq.write_table(table.set_column(probs, "probs", [[[0.5, 0.5]] * 7]), path)
    with pytest.raises(DamagedError, match=r"p\.parquet is not a file of predictions"):
        Predictions.read(path)
    pq.write_table(table.set_column(probs, "probs", [[[0.5, float("nan"), 0.5]] * 7]), path)
    with pytest.raises(DamagedError, match="probs holds 7 values that are not finite"):
        Predictions.read(path)


def test_a_link_to_a_device_that_never_ends_holds_nothing(tmp_path):
    (tmp_path / "a.parquet").symlink_to("/dev/zero")
    assert read_sealed(tmp_path / "a.parquet") == b""
