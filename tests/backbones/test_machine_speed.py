"""The speed of the machine is measured once, coarsely, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.backbones import machine_speed
from headstart.backbones.machine_speed import REFERENCE_CORES, REFERENCE_SECONDS, rounded, slowness


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    monkeypatch.setattr(machine_speed, "num_cores", lambda: REFERENCE_CORES)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    slowness.cache_clear()
    yield
    slowness.cache_clear()


@pytest.mark.parametrize("noise", [0.75, 0.9, 1.0, 1.1, 1.35])
def test_a_measurement_that_is_off_by_a_third_gives_the_same(noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_speed, "_burst_seconds", lambda: noise * REFERENCE_SECONDS)
    assert slowness() == 1


def test_it_is_measured_once_and_then_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_speed, "_burst_seconds", lambda: 4 * REFERENCE_SECONDS)
    assert slowness() == 4
    slowness.cache_clear()
    monkeypatch.setattr(machine_speed, "_burst_seconds", lambda: REFERENCE_SECONDS)
    assert slowness() == 4


def test_more_cores_take_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_speed, "_burst_seconds", lambda: REFERENCE_SECONDS)
    monkeypatch.setattr(machine_speed, "num_cores", lambda: 8 * REFERENCE_CORES)
    assert slowness() == 1 / 8


def test_factors_are_powers_of_two() -> None:
    assert [rounded(factor) for factor in (0.3, 0.72, 1.4, 1.5, 5.0)] == [0.25, 1, 1, 2, 4]


def test_a_burst_takes_processor_time() -> None:
    assert 0 < machine_speed._burst_seconds() < 60
