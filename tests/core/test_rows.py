"""Rows read by slice are the rows of the whole array, wherever they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.core import rows as module
from headstart.core.row_sums import column_means
from headstart.core.rows import LazyRows, in_memory, linear_scores, mapped_briefly, shifted, squared_lengths, taken

ARRAY = np.random.default_rng(0).normal(size=(23, 5)).astype(np.float32) + 2
CASES = (slice(3, 11), np.array([7, 2, 2, 19]), np.arange(23) % 3 == 0)


@pytest.fixture
def lazy() -> LazyRows:
    return LazyRows(ARRAY.shape, lambda part: ARRAY[part].copy())


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_ROWS", 7)
    monkeypatch.setattr(module.row_slices, "__defaults__", (7,))


@pytest.mark.usefixtures("_small_chunks")
def test_lazy_rows_give_what_the_array_gives(lazy: LazyRows) -> None:
    for index in CASES:
        np.testing.assert_array_equal(lazy[index], ARRAY[index])
    np.testing.assert_array_equal(np.asarray(lazy), ARRAY)
    assert np.asarray(lazy, np.float64).dtype == np.float64
    assert (len(lazy), lazy.shape, lazy.dtype) == (23, (23, 5), np.float32)


@pytest.mark.usefixtures("_small_chunks")
def test_sums_over_chunks_are_sums_over_rows(lazy: LazyRows) -> None:
    weights = np.random.default_rng(1).uniform(0.5, 1.5, 23)
    weight, bias = np.random.default_rng(2).normal(size=(5, 3)), np.arange(3.0)
    for rows in (lazy, ARRAY):
        np.testing.assert_allclose(column_means(rows), ARRAY.mean(axis=0, dtype=np.float64), rtol=1e-12)
        np.testing.assert_allclose(column_means(rows, weights), weights @ ARRAY.astype(np.float64) / 23, rtol=1e-12)
        np.testing.assert_allclose(linear_scores(rows, weight, bias), ARRAY @ weight + bias, rtol=1e-12)
        np.testing.assert_allclose(squared_lengths(rows), (ARRAY.astype(np.float64) ** 2).sum(axis=1), rtol=1e-12)
        np.testing.assert_array_equal(np.asarray(shifted(rows, np.ones(5))), ARRAY - np.float32(1))


def test_few_rows_are_held_and_many_stay_where_they_are(lazy: LazyRows, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(in_memory(lazy), np.ndarray)
    assert isinstance(taken(lazy, CASES[1]), np.ndarray)
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    assert in_memory(lazy) is lazy
    for index in CASES:
        chosen = taken(lazy, index)
        assert isinstance(chosen, LazyRows)
        np.testing.assert_array_equal(np.asarray(chosen), ARRAY[index])
        np.testing.assert_array_equal(chosen[2:4], ARRAY[index][2:4])


def test_a_large_memory_map_is_read_through_maps_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "rows.npy", ARRAY.astype(np.float16))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert mapped_briefly(mapped) is mapped
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    brief = mapped_briefly(mapped)
    assert isinstance(brief, LazyRows)
    for index in CASES:
        np.testing.assert_array_equal(brief[index], mapped[index])
        assert not isinstance(brief[index], np.memmap)


@pytest.mark.parametrize("kind", ["array", "part", "changed copy"])
def test_what_is_no_whole_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    np.save(tmp_path / "rows.npy", ARRAY)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="c")
    rows = {"array": ARRAY, "part": np.load(tmp_path / "rows.npy", mmap_mode="r")[3:], "changed copy": mapped}[kind]
    assert mapped_briefly(rows) is rows
