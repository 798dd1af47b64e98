"""Memory: that of the process, and what its control groups leave of that of the machine."""

from __future__ import annotations

import numpy as np
import psutil
import pytest

from headstart.core import memory
from headstart.core.memory import available_bytes, peak_bytes, resident_bytes, total_bytes

MB = 1_000_000


@pytest.fixture
def control_group(tmp_path, monkeypatch):
    def make(membership: str, folder: str, **files: str) -> None:
        (tmp_path / "self").write_text(membership)
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / folder / name.replace("__", ".")).write_text(text)
        found = memory._control_groups
        monkeypatch.setattr(memory, "_control_groups", lambda *_: found(tmp_path / "self", tmp_path))

    return make


def test_the_peak_does_not_go_down_with_the_memory():
    before = peak_bytes()
    held = np.ones(60 * MB // 8)
    assert resident_bytes() >= 60 * MB
    del held
    assert peak_bytes() >= max(before, 60 * MB)


def test_without_limits_the_machine_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    assert total_bytes() == psutil.virtual_memory().total
    assert 0 < available_bytes() < total_bytes()


def test_a_container_of_version_2_counts(control_group):
    control_group(
        "0::/app/one\n", "app/one", memory__max="70000000", memory__current="30000000", memory__stat="inactive_file 10000000\n"
    )
    assert total_bytes() == 70 * MB
    assert available_bytes() == 50 * MB


def test_a_container_of_version_1_counts_where_its_own_group_is_the_top(control_group):
    files = {"memory__limit_in_bytes": "90000000", "memory__usage_in_bytes": "100000000", "memory__stat": "cache 5\n"}
    control_group("4:memory:/outside/name\n3:cpu:/\n", "memory", **files)
    assert total_bytes() == 90 * MB
    assert available_bytes() == 0


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_a_control_group_without_limit_does_not_count(control_group, limit):
    control_group("0::/\n", ".", memory__max=limit, memory__current="30000000", memory__stat="")
    assert total_bytes() == psutil.virtual_memory().total


def test_a_limit_above_the_own_group_counts(control_group):
    control_group("0::/app/one\n", "app/one", memory__max="max", memory__current="1", memory__stat="")
    control_group("0::/app/one\n", "app", memory__max="70000000", memory__current="30000000", memory__stat="")
    assert total_bytes() == 70 * MB
