"""Which files are predicted, and how their rows are written."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from headstart.cli._rows import paths_from, write_rows
from headstart.cli.predict import show_predictions
from headstart.core.errors import ExportError

ROWS = [
    {"path": "a b.png", "label": "cat", "probability": 0.75, "probs": {"cat": 0.75, "dög": 0.25}, "unknown": None},
    {"path": "[x].png", "error": "[x].png is empty, so no picture."},
]


def test_a_dash_stands_for_the_paths_on_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("one.png\n\ntwo words.png\r\n"))
    assert paths_from(["first", "-"]) == ["first", "one.png", "two words.png"]


def test_json_rows_are_one_object_a_line(capsys):
    show_predictions(ROWS, as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_the_table_shows_labels_and_errors_and_takes_brackets_for_brackets(capsys):
    show_predictions(ROWS, as_json=False)
    out = capsys.readouterr().out
    assert "cat" in out
    assert "0.750" in out
    assert "[x].png is empty" in out
    assert max(map(len, out.splitlines())) <= 80


TESTED = [
    {**ROWS[0], "unknown": {"p_value": 0.125, "flag": False}},
    {**ROWS[0], "path": "odd.png", "unknown": {"p_value": 0.01, "flag": True}},
    ROWS[1],
]
REFUSED = [
    {**row, "best_guess": "cat", "label": None if row["unknown"]["flag"] else "cat"} if "probs" in row else row for row in TESTED
]


def test_the_table_flags_unusual_images_and_calls_refused_ones_unknown(capsys):
    show_predictions(TESTED, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["path", "label", "probability", "p-value"]
    assert next(line for line in lines if "a b.png" in line).split()[-3:] == ["cat", "0.750", "0.125"]
    assert "cat (perhaps unknown)" in next(line for line in lines if "odd.png" in line)
    show_predictions(REFUSED, as_json=False)
    assert "unknown (best guess: cat)" in capsys.readouterr().out


def test_files_carry_p_values_and_flags_and_leave_the_label_of_refused_images_empty(tmp_path):
    write_rows(tmp_path / "out.csv", TESTED)
    first, second, third = csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8", newline=""))
    assert list(first)[:5] == ["path", "label", "probability", "p_value", "unknown"]
    assert (first["label"], first["p_value"], first["unknown"]) == ("cat", "0.125", "False")
    assert (second["label"], second["unknown"]) == ("cat", "True")
    assert (third["p_value"], third["unknown"]) == ("", "")
    write_rows(tmp_path / "out.parquet", REFUSED)
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["label"] for row in rows] == ["cat", None, None]
    assert [row["best_guess"] for row in rows] == ["cat", "cat", None]
    assert [row["p_value"] for row in rows] == [0.125, 0.01, None]
    assert [row["unknown"] for row in rows] == [False, True, None]


def test_csv_has_a_column_a_class(tmp_path):
    write_rows(tmp_path / "out.csv", ROWS)
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8", newline="")))
    assert rows[0] == {
        "path": "a b.png",
        "label": "cat",
        "probability": "0.75",
        "p_value": "",
        "unknown": "",
        "prob_cat": "0.75",
        "prob_dög": "0.25",
        "error": "",
    }
    assert rows[1]["error"] == ROWS[1]["error"]
    assert rows[1]["label"] == ""


def test_parquet_holds_the_same(tmp_path):
    write_rows(tmp_path / "out.parquet", ROWS)
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    asked = {"path": "a b.png", "label": "cat", "probability": 0.75, "prob_cat": 0.75, "prob_dög": 0.25}
    assert rows[0] == asked | {"p_value": None, "unknown": None, "error": None}


def test_json_lines_hold_the_same(tmp_path):
    write_rows(tmp_path / "out.jsonl", ROWS)
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()] == ROWS


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ExportError) as caught:
        write_rows(tmp_path / "out.xlsx", ROWS)
    assert str(caught.value) == f'{tmp_path / "out.xlsx"} ends in ".xlsx". Choose one of .csv, .parquet, .jsonl.'


def test_a_name_that_is_no_text_is_written_as_its_bytes_or_escaped(tmp_path):
    rows = [{"path": "bad\udcff.png", "label": "cat", "probability": 1.0, "probs": {"cat": 1.0}}]
    for ending in ("csv", "jsonl", "parquet"):
        write_rows(tmp_path / f"out.{ending}", rows)
    assert b"\nbad\xff.png,cat," in (tmp_path / "out.csv").read_bytes()
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == rows[0]
    assert pq.read_table(tmp_path / "out.parquet").to_pylist()[0]["path"] == "bad\\udcff.png"
