"""`headstart cache` shows what is remembered, and forgets it when told to."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from headstart.backbones.engines.chosen import Choice
from headstart.cli.cache import by_network, rates_by_network
from headstart.core.records import write_atomically
from headstart.data.images import stamp_of
from headstart.data.scan_cache import Measured, ScanCache
from headstart.features.store.store import Store


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two networks' features, the older one used five hours ago, a scan of one file, a step and a user's weights."""
    root = tmp_path / "cache"
    monkeypatch.setenv("HEADSTART_CACHE", str(root))
    monkeypatch.setenv("HEADSTART_CACHE_BYTES", "5MB")
    for name, rows in (("older", 3), ("newer", 7)):
        keys = [f"{row:064x}" for row in range(rows)]
        Store(root / "features" / name, f"{name} at 96 pixels").add(keys, {"stage.0": np.ones((rows, 11), np.float32)})
    (old,) = (root / "features" / "older").glob("*.safetensors")
    os.utime(old, (time.time() - 18_000,) * 2)
    (tmp_path / "picture.png").write_bytes(b"seen")
    ScanCache([stamp_of(tmp_path / "picture.png")]).add({0: Measured(sha="0" * 64)})
    (root / "steps" / "0.1.0-auto" / "fold-0a").mkdir(parents=True)
    (root / "steps" / "0.1.0-auto" / "fold-0a.json").write_text("{}")
    (root / "steps" / "0.1.0-auto" / "fold-0a" / "predictions.parquet").write_bytes(b"rows")
    (root / "weights").mkdir()
    (root / "weights" / "mine.safetensors").write_bytes(b"weights")
    return root


def _contents(answer) -> dict:
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_json_names_every_network_and_the_scan(filled, headstart_command):
    contents = _contents(headstart_command("cache", "--json"))
    assert set(contents) == {"folder", "limit_bytes", "size_bytes", "freed_bytes", "entries", "engines"}
    assert contents["engines"] == []
    assert (contents["folder"], contents["limit_bytes"], contents["freed_bytes"]) == (str(filled), 5_000_000, 0)
    found = [(entry["kind"], entry["name"], entry["num_rows"]) for entry in contents["entries"]]
    assert found == [
        ("features", "newer at 96 pixels", 7),
        ("features", "older at 96 pixels", 3),
        ("scan", "scans of files", 1),
        ("steps", "finished steps of runs", 2),
    ]
    assert contents["size_bytes"] == sum(entry["size_bytes"] for entry in contents["entries"]) > 0
    assert contents["entries"][1]["last_used"] < contents["entries"][0]["last_used"]
    assert contents["entries"][0]["last_used"].endswith("+00:00")


def test_a_person_sees_a_table_in_80_columns(filled, headstart_command):
    answer = headstart_command("cache")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[2].split()[:4] == ["newer", "features", "96", "7"]
    assert "features are kept up to 5 MB" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_engines_are_shown_with_the_rates_promised_and_reached(filled, headstart_command):
    for place, reached in enumerate((None, 212.4)):
        made = Choice(
            engine="openvino-float32",
            images_per_second={"openvino-float32": 301.0 + place},
            errors={"openvino-float32": 0.0},
            network="efficientnet_lite0 at 96 pixels",
            reached=reached,
        )
        write_atomically(filled / "engines" / f"network-{place}.json", made.to_json())
    untried = Choice(engine="torch-float32", images_per_second={"torch-float32": 12.0}, errors={})
    write_atomically(filled / "engines" / "network-2.json", untried.to_json())
    row = {"network": "efficientnet_lite0 at 96 pixels", "engine": "openvino-float32"}
    assert _contents(headstart_command("cache", "--json"))["engines"] == [
        {**row, "promised": 301.0, "reached": None},
        {**row, "promised": 302.0, "reached": 212.4},
    ]
    answer = headstart_command("cache")
    assert [line.split() for line in answer.out.splitlines() if "openvino" in line] == [
        ["efficientnet_lite0", "96", "openvino-float32", "302", "212"]
    ]
    assert max(map(len, answer.out.splitlines())) <= 80


def test_clearing_leaves_nothing_but_what_is_not_the_caches(filled, headstart_command):
    before = _contents(headstart_command("cache", "--json"))
    contents = _contents(headstart_command("cache", "--clear", "--json"))
    assert contents["entries"] == []
    assert contents["freed_bytes"] == before["size_bytes"]
    assert [path.name for path in filled.rglob("*") if path.is_file()] == ["mine.safetensors"]
    assert not (filled / "steps").exists()


def test_keeping_less_forgets_what_was_used_longest_ago(filled, headstart_command):
    contents = _contents(headstart_command("cache", "--keep", "0", "--json"))
    assert [entry["name"] for entry in contents["entries"] if entry["kind"] == "features"] == ["newer at 96 pixels"]
    assert contents["freed_bytes"] > 0
    assert "Freed   0 B" in headstart_command("cache", "--keep", "1GB").out


def test_an_empty_cache_says_so(tmp_path, monkeypatch, headstart_command):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "none"))
    assert _contents(headstart_command("cache", "--json"))["entries"] == []
    assert "Size    0 B" in headstart_command("cache").out


@pytest.mark.parametrize("junk", ["features/odd/half.safetensors", "scan/half.npz"])
def test_files_that_cannot_be_read_are_counted_without_rows(filled, junk, headstart_command):
    (filled / junk).parent.mkdir(exist_ok=True)
    (filled / junk).write_bytes(b"half")
    contents = _contents(headstart_command("cache", "--json"))
    assert sum(entry["num_rows"] for entry in contents["entries"]) == 13
    assert _contents(headstart_command("cache", "--clear", "--json"))["entries"] == []


def test_clearing_and_keeping_exclude_each_other(filled, headstart_command):
    answer = headstart_command("cache", "--clear", "--keep", "1GB")
    assert answer.code == 2
    assert answer.err == "error: --clear deletes all of the cache, and --keep leaves some. Choose one of them.\n"


def test_a_network_has_one_row_whatever_its_input_sides_and_engines():
    def entry(name: str, num_rows: int, used: str) -> dict:
        return {"kind": "features", "name": name, "num_rows": num_rows, "size_bytes": 10, "last_used": used}

    entries = [
        entry("net at 224 pixels, openvino-bf16", 7, "2026-01-02T00:00:00+00:00"),
        entry("net at 96 pixels, torch-float32", 9, "2026-01-01T00:00:00+00:00"),
        entry("other", 3, "2026-01-01T00:00:00+00:00"),
    ]
    assert by_network(entries) == [
        ("net", "features", "96, 224", 9, 20, "2026-01-02T00:00:00+00:00"),
        ("other", "features", "", 3, 10, "2026-01-01T00:00:00+00:00"),
    ]
    engines = [
        {"network": "net at 224 pixels", "engine": "e", "promised": 1_300.0, "reached": None},
        {"network": "net at 96 pixels", "engine": "e", "promised": 5_000.0, "reached": 4_900.0},
    ]
    assert rates_by_network(engines) == [("net", "96, 224", "e", "5,000, 1,300", "4,900, -")]
