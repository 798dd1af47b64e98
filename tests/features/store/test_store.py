"""The store keeps what is whole, forgets what is not, and never mixes rows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.core.errors import DataError, ExportError
from headstart.core.rows import LazyRows
from headstart.features.store import store as module
from headstart.features.store.floats import as_floats
from headstart.features.store.store import Store


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


@pytest.mark.slow
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


@pytest.fixture
def _all_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)


@pytest.fixture
def _merging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SMALL", 3)
    monkeypatch.setattr(module, "MERGED_ROWS", 7)
    monkeypatch.setattr(module, "CHUNK_ROWS", 7)


def _chunks(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _hours_ago(path: Path, hours: float) -> None:
    moment = time.time() - 3600 * hours
    os.utime(path, (moment, moment))


@pytest.mark.usefixtures("_all_lazy")
def test_many_rows_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(_keys([2, 3, 5]), _arrays([2, 3, 5]))
    store.add(_keys([7, 11]), _arrays([7, 11]))
    asked = [11, 2, 2, 5, 7, 11]
    wide = store.gather(_keys(asked))["wide"]
    assert isinstance(wide, LazyRows)
    expected = _arrays(asked)["wide"]
    for index in (slice(1, 4), np.array([5, 0, 0]), expected[:, 0] > 4):
        np.testing.assert_allclose(wide[index], expected[index], rtol=5e-4)
    np.testing.assert_allclose(np.asarray(wide), expected, rtol=5e-4)
    fractions = as_floats(store.gather(_keys(asked))["bytes"])
    assert isinstance(fractions, LazyRows)
    np.testing.assert_allclose(fractions[1:3], _arrays(asked[1:3])["bytes"] / 255, rtol=1e-6)


@pytest.mark.usefixtures("_merging")
def test_many_small_chunks_become_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in (2, 3):
        store.add(_keys([number]), _arrays([number]))
    assert len(_chunks(tmp_path)) == 2
    store.add(_keys([5]), _arrays([5]))
    assert len(_chunks(tmp_path)) == 1
    for reader in (store, Store(tmp_path)):
        assert reader.missing(_keys([2, 3, 5])) == []
        np.testing.assert_array_equal(reader.gather(_keys([5, 2, 3]))["wide"], _arrays([5, 2, 3])["wide"])


@pytest.mark.usefixtures("_merging")
def test_large_chunks_are_not_written_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(_keys(list(range(7))), _arrays(list(range(7))))
    before = _chunks(tmp_path)
    store.add(_keys([50, 51, 52, 53]), _arrays([50, 51, 52, 53]))
    store.add(_keys([60, 61, 62]), _arrays([60, 61, 62]))
    assert before[0] in _chunks(tmp_path)
    assert len(_chunks(tmp_path)) == 2


@pytest.mark.usefixtures("_merging", "_all_lazy")
def test_rows_that_another_process_merges_are_found_again(tmp_path: Path) -> None:
    mine, other = Store(tmp_path), Store(tmp_path)
    mine.add(_keys([2]), _arrays([2]))
    mine.add(_keys([3]), _arrays([3]))
    wide = mine.gather(_keys([3, 2]))["wide"]
    other.refresh()
    other.add(_keys([5]), _arrays([5]))
    assert len(_chunks(tmp_path)) == 1
    np.testing.assert_array_equal(wide[0:2], _arrays([3, 2])["wide"])
    assert mine.missing(_keys([2, 3, 5])) == []


def test_a_row_that_lies_in_two_chunks_survives_the_loss_of_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(_keys([2, 3]), _arrays([2, 3]))
    first = _chunks(tmp_path)[0]
    store.add(_keys([3, 5]), _arrays([3, 5]))
    (second,) = set(_chunks(tmp_path)) - {first}
    second.unlink()
    assert store.missing(_keys([2, 3, 5])) == _keys([5])
    np.testing.assert_array_equal(store.gather(_keys([3]))["wide"], _arrays([3])["wide"])


@pytest.mark.usefixtures("_all_lazy")
@pytest.mark.parametrize("damage", ["deleted", "cut"])
def test_rows_that_vanish_while_they_are_used_are_named(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    store.add(_keys([2, 3]), _arrays([2, 3]))
    wide = store.gather(_keys([3]))["wide"]
    (path,) = _chunks(tmp_path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.unlink()
    with pytest.raises(DataError) as caught:
        np.asarray(wide)
    assert str(caught.value) == (
        f"Features in {tmp_path} were deleted while they were used. Run the command again; it makes them anew."
    )
    assert store.missing(_keys([2, 3])) == _keys([2, 3])


def test_what_is_about_to_be_gathered_is_not_evicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE_BYTES", "1")
    for number in (2, 3):
        Store(tmp_path / "net").add(_keys([number]), _arrays([number]))
    for path in _chunks(tmp_path / "net"):
        _hours_ago(path, 5)
    store = Store(tmp_path / "net")
    assert store.missing(_keys([2, 7])) == _keys([7])
    store.add(_keys([7]), _arrays([7]))
    assert store.missing(_keys([2, 3, 7])) == _keys([3])
    np.testing.assert_array_equal(store.gather(_keys([2, 7]))["wide"], _arrays([2, 7])["wide"])


def test_networks_not_used_for_long_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for hours, network in ((9, "older"), (3, "newer")):
        Store(tmp_path / network).add(_keys([2, 3]), _arrays([2, 3]))
        _hours_ago(_chunks(tmp_path / network)[0], hours)
    size = _chunks(tmp_path / "newer")[0].stat().st_size
    monkeypatch.setenv("HEADSTART_CACHE_BYTES", str(2 * size))
    Store(tmp_path / "now").add(_keys([2, 3]), _arrays([2, 3]))
    assert [len(_chunks(tmp_path / network)) for network in ("older", "newer", "now")] == [0, 1, 1]


def test_the_name_is_kept_for_people(tmp_path: Path) -> None:
    Store(tmp_path, "a network at 96 pixels").add(_keys([2]), _arrays([2]))
    assert (tmp_path / "name.txt").read_text(encoding="utf-8") == "a network at 96 pixels"


WRITER = """
import sys
import numpy as np
from pathlib import Path
from headstart.features.store import store as module
from headstart.features.store.store import Store
module.MOST_SMALL = 5
store = Store(Path(sys.argv[1]))
for number in np.random.default_rng(int(sys.argv[2])).permutation(150).tolist():
    key = f"{number:064x}"
    if store.missing([key]):
        store.add([key], {"wide": np.full((1, 3), number, np.float32)})
    assert store.gather([key])["wide"][0, 0] == number
"""


@pytest.mark.slow
def test_processes_that_add_and_merge_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(seed)]) for seed in (1, 2, 3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    store = Store(tmp_path)
    numbers = list(range(150))
    assert store.missing(_keys(numbers)) == []
    np.testing.assert_array_equal(store.gather(_keys(numbers))["wide"][:, 0], numbers)
    assert len(_chunks(tmp_path)) < 10


def test_bytes_become_fractions() -> None:
    np.testing.assert_array_equal(as_floats(np.array([0, 51, 255], np.uint8)), np.array([0, 0.2, 1], np.float32))
