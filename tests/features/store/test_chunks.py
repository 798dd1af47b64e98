"""A chunk holds halves where they do no harm, and never a value that was not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.features.store.chunks import chunk_content, read_chunk

ROWS = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


def _written(folder: Path, array: np.ndarray) -> tuple[np.ndarray, str]:
    name, content = chunk_content([f"{row:064x}" for row in range(len(array))], {"one": array})
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    chunk = read_chunk(folder / name)
    stored = chunk.arrays["one"]
    return stored.rows(np.arange(len(array))), stored.stored.str


def test_ordinary_features_are_kept_as_halves_and_read_in_single_precision(tmp_path: Path) -> None:
    read, stored = _written(tmp_path, ROWS)
    assert (read.dtype, stored) == (np.float32, "<f2")
    np.testing.assert_allclose(read, ROWS, rtol=2.0**-11)


@pytest.mark.parametrize("value", [65_520.0, -1e30, 3.4e38, np.inf])
def test_values_beyond_halves_keep_the_array_exact(tmp_path: Path, value: float) -> None:
    rows = ROWS.copy()
    rows[3, 2] = value
    read, stored = _written(tmp_path, rows)
    assert stored == "<f4"
    np.testing.assert_array_equal(read, rows)


def test_the_largest_half_is_still_a_half(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[3, 2] = 65_504
    assert _written(tmp_path, rows)[1] == "<f2"


def test_values_too_small_for_halves_are_not_wiped_out(tmp_path: Path) -> None:
    read, stored = _written(tmp_path, ROWS * np.float32(1e-7))
    assert stored == "<f4"
    np.testing.assert_array_equal(read, ROWS * np.float32(1e-7))


def test_zeros_and_bytes_stay_what_they_are(tmp_path: Path) -> None:
    assert _written(tmp_path / "zeros", np.zeros((3, 2), np.float32))[1] == "<f2"
    values = np.arange(6, dtype=np.uint8).reshape(3, 2)
    read, stored = _written(tmp_path / "bytes", values)
    assert stored == "|u1"
    np.testing.assert_array_equal(read, values)


def test_a_file_without_keys_is_no_chunk(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"one": ROWS}, tmp_path / "foreign.safetensors")
    with pytest.raises(ValueError, match=r"foreign\.safetensors is no chunk"):
        read_chunk(tmp_path / "foreign.safetensors")
