"""The store keeps what is whole, forgets what is not, and never mixes rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.core.errors import ExportError
from headstart.features.store import Store, as_floats


def _arrays(numbers: list[int]) -> dict[str, np.ndarray]:
    column = np.array(numbers, np.float32)[:, None]
    return {"wide": column * np.arange(1, 8, dtype=np.float32), "bytes": np.array(numbers, np.uint8)[:, None].repeat(3, 1)}


def _keys(numbers: list[int]) -> list[str]:
    return [f"{number:064x}" for number in numbers]


def test_rows_come_back_in_the_order_asked_and_as_often(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(_keys([2, 3, 5]), _arrays([2, 3, 5]))
    store.add(_keys([7, 11]), _arrays([7, 11]))
    asked = [11, 2, 2, 5, 7, 11]
    got = store.gather(_keys(asked))
    for name, expected in _arrays(asked).items():
        assert got[name].dtype == expected.dtype
        np.testing.assert_array_equal(got[name], expected)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chunks=st.lists(st.lists(st.integers(0, 250), min_size=1, max_size=7, unique=True), min_size=1, max_size=5),
    seed=st.integers(0, 100),
)
def test_whatever_the_chunks_every_key_finds_its_own_row(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[list[int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    for chunk in chunks:
        Store(folder).add(_keys(chunk), _arrays(chunk))
    asked = np.random.default_rng(seed).permutation(sorted({number for chunk in chunks for number in chunk})).tolist()
    store = Store(folder)
    assert store.missing(_keys(asked)) == []
    np.testing.assert_array_equal(store.gather(_keys(asked))["wide"], _arrays(asked)["wide"])


def test_missing_names_each_unknown_key_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    assert store.missing(_keys([3, 2, 3])) == _keys([3, 2])
    store.add(_keys([2]), _arrays([2]))
    assert store.missing(_keys([3, 2, 3])) == _keys([3])


def test_chunks_of_another_process_are_noticed_and_deleted_ones_forgotten(tmp_path: Path) -> None:
    mine, other = Store(tmp_path), Store(tmp_path)
    assert mine.missing(_keys([5])) == _keys([5])
    other.add(_keys([5]), _arrays([5]))
    assert mine.missing(_keys([5])) == []
    for path in tmp_path.iterdir():
        path.unlink()
    assert mine.missing(_keys([5])) == _keys([5])


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_damaged_chunk_is_deleted_and_its_rows_count_as_missing(tmp_path: Path, damage: str) -> None:
    Store(tmp_path).add(_keys([2, 3]), _arrays([2, 3]))
    Store(tmp_path).add(_keys([5]), _arrays([5]))
    path = next(
        path for path in tmp_path.iterdir() if Store(tmp_path).missing([]) == [] and _keys([2])[0].encode() in path.read_bytes()
    )
    content = path.read_bytes()
    path.write_bytes({"cut": content[:-1], "empty": b"", "text": b"not a chunk at all, only text"}[damage])
    store = Store(tmp_path)
    assert store.missing(_keys([2, 3, 5])) == _keys([2, 3])
    assert not path.exists()


def test_same_rows_written_twice_are_one_file(tmp_path: Path) -> None:
    Store(tmp_path).add(_keys([2, 3]), _arrays([2, 3]))
    Store(tmp_path).add(_keys([2, 3]), _arrays([2, 3]))
    assert len(list(tmp_path.iterdir())) == 1


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match=r"^.*/file/.*\.safetensors: cannot be written \(.*\)\. Free space or choose"):
        Store(tmp_path / "file").add(_keys([2]), _arrays([2]))


def test_bytes_become_fractions() -> None:
    np.testing.assert_array_equal(as_floats(np.array([0, 51, 255], np.uint8)), np.array([0, 0.2, 1], np.float32))
