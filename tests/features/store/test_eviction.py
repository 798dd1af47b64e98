"""What was used longest ago goes first; what is in use stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

from headstart.features.store.eviction import evict, mark_used


def _file(folder: Path, name: str, num_bytes: int, hours_ago: float) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(num_bytes))
    moment = time.time() - 3600 * hours_ago
    os.utime(path, (moment, moment))
    return path


def test_the_longest_unused_go_until_the_rest_fits(tmp_path: Path) -> None:
    ages = {"a/1.safetensors": 7.0, "b/2.safetensors": 11.0, "a/3.safetensors": 3.0, "b/4.safetensors": 5.0}
    files = {name: _file(tmp_path, name, 100, hours) for name, hours in ages.items()}
    assert evict([tmp_path], 400) == 0
    assert evict([tmp_path], 250) == 200
    assert [name for name, path in files.items() if path.exists()] == ["a/3.safetensors", "b/4.safetensors"]


def test_what_was_used_within_the_hour_stays_whatever_the_limit(tmp_path: Path) -> None:
    old, new = _file(tmp_path, "a/old.safetensors", 100, 2), _file(tmp_path, "a/new.safetensors", 100, 0.9)
    assert evict([tmp_path], 0) == 100
    assert (old.exists(), new.exists()) == (False, True)


def test_use_is_what_counts_and_not_age(tmp_path: Path) -> None:
    first, second = (_file(tmp_path, f"a/{name}.safetensors", 100, hours) for name, hours in (("1", 9), ("2", 4)))
    mark_used(first)
    assert evict([tmp_path], 100) == 100
    assert (first.exists(), second.exists()) == (True, False)


def test_unfinished_files_go_too_and_others_stay(tmp_path: Path) -> None:
    unfinished = _file(tmp_path, "a/.abc.safetensors.0123", 100, 3)
    names = [_file(tmp_path, "a/name.txt", 10, 50), _file(tmp_path, "notes.safetensors", 10, 50)]
    assert evict([tmp_path], 0) == 100
    assert not unfinished.exists()
    assert all(path.exists() for path in names)


def test_a_folder_that_is_not_there_frees_nothing(tmp_path: Path) -> None:
    assert evict([tmp_path / "absent"], 0) == 0
    mark_used(tmp_path / "absent" / "file")
