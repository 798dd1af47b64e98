"""CSV: cells that a spreadsheet would compute, and what is read back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import headstart
from headstart.core.csv_text import csv_text, quoted, unquoted

BITES = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "＝1+1", "'=1")


@pytest.mark.parametrize("text", BITES)
def test_a_formula_begins_with_a_quote(text: str) -> None:
    assert quoted(text) == f"'{text}"


@given(st.text() | st.text("'=+-@1. e", max_size=6))
def test_what_is_written_is_read_back(text: str) -> None:
    assert unquoted(quoted(text)) == text
    assert unquoted(text) == text or quoted(unquoted(text)) == text


def test_numbers_stay_and_raw_cells_too() -> None:
    rows = [{"a": "=1", "b": -1.5}, {"a": "-3"}]
    assert csv_text(("a", "b"), rows) == "a,b\n'=1,-1.5\n-3,\n"
    assert csv_text(("a", "b"), rows, raw=True) == "a,b\n=1,-1.5\n-3,\n"


def test_a_manifest_is_read_back_with_labels_and_paths_that_begin_like_formulas(tmp_path: Path) -> None:
    rows = []
    for row in range(12):
        name = f"=image {row}.png"
        Image.fromarray(np.full((8, 8, 3), 20 * row, np.uint8)).save(tmp_path / name)
        rows.append({"path": name, "label": ("@one", "+two")[row % 2]})
    (tmp_path / "manifest.csv").write_text(csv_text(("path", "label"), rows), encoding="utf-8")
    assert "\n'=image 0.png,'@one\n" in (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    task = headstart.read_task(str(tmp_path))
    assert sorted(task.classes) == ["+two", "@one"]
    assert len(task.labeled) == 12


def test_predictions_of_dangerous_names_are_no_formulas(tmp_path: Path) -> None:
    from headstart.cli._rows import write_rows

    probs = {"=1+1": 0.75, "dog": 0.25}
    row = {"path": "@a.png", "label": "=1+1", "probability": 0.75, "probs": probs, "set": ["=1+1"], "unknown": None}
    write_rows(tmp_path / "out.csv", [row])
    written = list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"))))
    assert not [cell for line in written for cell in line if cell[:1] in "=+@\t" and cell]
    write_rows(tmp_path / "raw.csv", [row], raw=True)
    assert "@a.png,=1+1," in (tmp_path / "raw.csv").read_text(encoding="utf-8")
