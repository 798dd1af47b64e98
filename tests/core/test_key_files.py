"""Content keys come back, and a byte that changed is seen."""

from __future__ import annotations

import pytest

from headstart.core.errors import DamagedError
from headstart.core.key_files import read_keys, write_keys

KEYS = {"b" * 64, "a" * 64, "0123"}


def test_keys_come_back(tmp_path):
    write_keys(tmp_path / "known.txt", KEYS)
    assert read_keys(tmp_path / "known.txt") == KEYS
    assert read_keys(tmp_path / "gone.txt") == frozenset()


def test_keys_of_an_earlier_version_come_back(tmp_path):
    (tmp_path / "known.txt").write_text("".join(f"{key}\n" for key in KEYS))
    assert read_keys(tmp_path / "known.txt") == KEYS


def test_a_key_that_changed_is_seen(tmp_path):
    path = tmp_path / "known.txt"
    write_keys(path, KEYS)
    path.write_text(path.read_text().replace("0123", "0124"))
    with pytest.raises(DamagedError, match=r"known\.txt is damaged \(its checksum is not that of its content\)"):
        read_keys(path)
