"""What killed commands have left half-written is deleted by the next command that opens the place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from headstart.core import unfinished
from headstart.core.folders import cache_folder
from headstart.core.records import Record
from headstart.features.store.store import Store
from headstart.runs.workspace import Workspace, shared_steps
from headstart.workflows.cache import cache
from headstart.workflows.verify import verify

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other locks")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    cache_folder().mkdir()


def left_in(folder: Path) -> Path:
    """What a kill left in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    left = folder / f".file.{unfinished._machine()}{'0' * 24}{unfinished.SUFFIX}"
    left.write_bytes(b"12345")
    return left


class Request(Record):
    """Of a run."""


CLEANING: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "cache": (lambda _: cache(), ("cache", "cache/features/net", "cache/scan")),
    "cache keep": (lambda _: cache(keep="5GB"), ("cache", "cache/graphs/x")),
    "verify": (lambda _: verify("cache"), ("cache", "cache/features/net")),
    "store": (lambda home: Store(home / "cache/features/net").missing(["key"]), ("cache/features/net",)),
    "claim": (
        lambda home: Workspace(home / "run").claim_request("request", Request(), SimpleNamespace(fingerprint="f")),
        ("run", "run/steps", "run/steps/fit-0", "run/model"),
    ),
}


@pytest.mark.parametrize("name", CLEANING)
def test_a_command_that_opens_a_place_deletes_what_is_half_written(tmp_path, name):
    command, places = CLEANING[name]
    left = [left_in(tmp_path / place) for place in places]
    left += [left_in(shared_steps())] if name == "claim" else []
    command(tmp_path)
    assert [path for path in left if path.exists()] == []


def test_what_is_freed_counts_and_without_repair_nothing_is_deleted():
    left = left_in(cache_folder() / "features" / "net")
    verify("cache", repair=False)
    assert left.exists()
    assert cache(clear=True)["freed_bytes"] == 5
    assert not left.exists()


def test_a_chunk_that_is_being_written_stays():
    store = Store(cache_folder() / "features" / "net")
    with unfinished.taking_place(store.folder / "chunk", durable=False) as stream:
        stream.write(b"12")
        store.add(["key"], {"last": np.ones((1, 3), np.float32)})
        cache()
        verify("cache")
    assert (store.folder / "chunk").read_bytes() == b"12"
