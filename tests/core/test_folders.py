"""Where the cache lies, and the sizes that a person writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.core.errors import PlanError
from headstart.core.folders import bytes_from, cache_folder, cache_limit_bytes


def test_the_variable_moves_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("HEADSTART_CACHE")
    assert "headstart" in str(cache_folder())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("701", 701), ("3kB", 3_000), ("1.5 MB", 1_500_000), ("20GB", 20_000_000_000), ("2T", 2 * 10**12), ("1e9", 10**9)],
)
def test_sizes_are_read_with_and_without_units(text: str, expected: int) -> None:
    assert bytes_from(text, "--keep") == expected


@pytest.mark.parametrize("text", ["", "lots", "-3", "3 XB", "GB", "5m"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        bytes_from(text, "--keep")
    assert str(caught.value) == f'--keep = "{text}" is no size. Write a number of bytes, or for example 500MB or 20GB.'


def test_the_limit_is_the_variable_or_twenty_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADSTART_CACHE_BYTES", raising=False)
    assert cache_limit_bytes() == 20_000_000_000
    monkeypatch.setenv("HEADSTART_CACHE_BYTES", "7MB")
    assert cache_limit_bytes() == 7_000_000
    monkeypatch.setenv("HEADSTART_CACHE_BYTES", "much")
    with pytest.raises(PlanError, match=r'^HEADSTART_CACHE_BYTES = "much" is no size\.'):
        cache_limit_bytes()
