from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.core.errors import DataError
from headstart.data.column_names import columns_meant, known_name, renamed_columns
from headstart.data.tables import ignored_columns, read_table, text_of

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cc"]), max_size=9)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=7), delimiter=st.sampled_from(",;\t"))
def test_what_csv_wrote_is_read_back(tmp_path, rows, delimiter):
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([("path", "label"), *rows])
    expected = [(path.strip(), label.strip()) for path, label in rows if path.strip() or label.strip()]
    if expected:
        table = read_table(tmp_path / "a.csv", ("path", "label"), ("path",))
        assert list(zip(table.columns["path"], table.columns["label"], strict=True)) == expected


def test_rows_are_called_by_their_line_and_by_their_index(tmp_path):
    (tmp_path / "a.csv").write_text('path\n"one\ncell"\n\nb\n')
    table = read_table(tmp_path / "a.csv", ("path",), ("path",))
    assert (table.columns["path"], table.rows) == (["one\ncell", "b"], ["line 3", "line 5"])
    assert table.where(1) == f"{tmp_path}/a.csv, line 5"
    pq.write_table(pa.table({"path": ["a", "b"]}), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet", ("path",), ("path",)).rows == ["row 0", "row 1"]


def test_an_absent_column_is_empty(tmp_path):
    (tmp_path / "a.csv").write_text("path\na\nb\n")
    assert read_table(tmp_path / "a.csv", ("path", "label"), ("path",)).column("label") == ["", ""]


@pytest.mark.parametrize(
    ("name", "expected"), [("label", "label"), (" LABELS ", "label"), ("feature", "features"), ("labelled", None), ("", None)]
)
def test_case_space_and_plural_do_not_matter(name, expected):
    assert known_name(name, ("label", "features")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), (float("nan"), ""), (3.0, "3"), (3, "3"), (0.5, "0.5"), (b" a ", "a"), (" a ", "a"), (True, "True")],
)
def test_cells_become_text(value, expected):
    assert text_of(value) == expected


def test_no_ignored_column_makes_no_finding():
    assert ignored_columns("a.csv", [], ["path"]) == ()


def test_an_unreadable_file_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(DataError) as caught:
        read_table(Path(tmp_path), ("path",), ("path",))
    assert str(caught.value) == f"{tmp_path}: cannot be read (Is a directory). Make it readable."


def test_columns_have_many_headings_and_the_known_name_wins():
    def meant(*names: str) -> dict[str, str]:
        return columns_meant(names, ("path", "label", "split"), "t.csv", lambda name: ["train", "Test", ""])

    assert meant("File Name", "Class_Name", "set") == {"File Name": "path", "Class_Name": "label", "set": "split"}
    assert meant("image", "path", "class", "labels") == {"path": "path", "labels": "label"}
    assert meant("id", "filename", "category", "class") == {"filename": "path", "class": "label"}
    assert meant("weather", "year") == {}
    with pytest.raises(DataError, match='has two columns called "label"'):
        meant("label", "Labels")


def test_a_column_of_another_heading_is_the_split_only_where_every_cell_is_one():
    assert columns_meant(["set"], ["split"], "t.csv", lambda name: ["train", "second"]) == {}


def test_columns_of_other_headings_are_named():
    (found,) = renamed_columns("a/t.csv", {"file": "path", "Label": "label"})
    assert (found.code, found.severity, found.title) == (
        "columns-renamed", "info", 'Columns of t.csv are read by other headings: "file" as path.'
    )  # fmt: skip
    assert found.advice == 'If another column is meant, call that one "path".'
    assert renamed_columns("t.csv", {"Label": "label"}) == ()
