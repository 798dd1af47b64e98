from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.core.errors import ExportError
from headstart.training import memmap_cache as kept_module
from headstart.training.memmap_cache import cached_rows


class KilledError(Exception):
    """Stands for a kill."""


def _rows(start: int, stop: int) -> Any:
    return np.arange(start, stop)[:, None] * [1, 10, 100]


EXPECTED = _rows(0, 7)


@pytest.mark.parametrize("named", [True, False])
def test_rows_are_made_in_chunks_of_the_size_asked_for(tmp_path: Path, named: bool) -> None:
    asked = []

    def make(start: int, stop: int) -> Any:
        asked.append((start, stop))
        return _rows(start, stop)

    array = cached_rows((7, 3), np.int32, make, tmp_path / "deep" / "rows.i4" if named else None, 3)
    assert asked == [(0, 3), (3, 6), (6, 7)]
    assert np.array_equal(array, EXPECTED)


def test_a_killed_filling_goes_on_where_it_was_and_a_finished_one_makes_nothing(tmp_path: Path) -> None:
    def killed(start: int, stop: int) -> Any:
        if start >= 3:
            raise KilledError
        return _rows(start, stop)

    place = tmp_path / "rows.i4"
    with pytest.raises(KilledError):
        cached_rows((7, 3), np.int32, killed, place, 3)

    def rest(start: int, stop: int) -> Any:
        assert start >= 3
        return _rows(start, stop)

    assert np.array_equal(cached_rows((7, 3), np.int32, rest, place, 3), EXPECTED)
    assert np.array_equal(cached_rows((7, 3), np.int32, killed, place, 3), EXPECTED)


def test_a_file_of_another_size_is_made_anew(tmp_path: Path) -> None:
    place = tmp_path / "rows.i4"
    cached_rows((7, 3), np.int32, _rows, place, 3)
    place.write_bytes(b"cut off")
    assert np.array_equal(cached_rows((7, 3), np.int32, _rows, place, 3), EXPECTED)


def test_a_full_disk_is_met_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, num_bytes: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_module, "_reserve", full)
    with pytest.raises(ExportError) as caught:
        cached_rows((7, 3), np.int32, _rows, tmp_path / "rows.i4", 3)
    assert str(caught.value) == (
        f"{tmp_path / 'rows.i4'}: 84 bytes cannot be written (No space left on device). "
        "Free space or choose another folder with --out."
    )


@pytest.mark.parametrize("file", ["rows", "marker"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, file: str) -> None:
    place = tmp_path / "rows.i4"
    cached_rows((7, 3), np.int32, _rows, place, 3)
    path = place if file == "rows" else place.with_suffix(".i4.json")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert np.array_equal(cached_rows((7, 3), np.int32, _rows, place, 3), EXPECTED)


def test_the_marker_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    place = tmp_path / "rows.i4"
    cached_rows((7, 3), np.int32, _rows, place, 3)
    place.with_suffix(".i4.json").write_text('{"rows": 7}')

    def never(start: int, stop: int) -> Any:
        raise AssertionError("all rows are there")

    assert np.array_equal(cached_rows((7, 3), np.int32, never, place, 3), EXPECTED)
