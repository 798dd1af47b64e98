"""The table of gradient adaptations: its reference differs by the adaptation alone, and its columns are right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks.domain_gradient import ALONE, REFERENCE, kinds, settings_in, table

from headstart.data.streams import Stream
from headstart.methods import METHODS, method_from
from headstart.methods.base import GradientMethod
from headstart.training.domain_streams import joined

sys.path.insert(0, str(Path(__file__).parents[1] / "methods" / "adapt"))
from two_domains import picture_task

TRAINED = [kind for kind in kinds() if kind in METHODS.names() and issubclass(METHODS.get(kind), GradientMethod)]


def fed(settings: dict[str, Any]) -> tuple[object, ...]:
    """What decides about the batches of labeled rows and the number of steps."""
    method: Any = method_from(settings)
    streams: dict[str, Stream] = method.streams(joined(picture_task()))
    name, first = next(iter(streams.items()))
    drawn = name, first.images.fingerprint, str(first.view), first.smooth, first.times, first.least_steps
    return *drawn, method.depth, method.flip


@pytest.mark.parametrize("kind", TRAINED)
def test_the_reference_trains_by_the_labeled_batches_of_every_method(kind: str) -> None:
    assert fed(ALONE) == fed({"kind": kind})


def test_a_method_is_named_with_its_settings() -> None:
    assert settings_in("jan diversity=0 weight=0.5") == {"kind": "jan", "diversity": 0.0, "weight": 0.5}
    assert settings_in("jan") == {"kind": "jan"}
    assert settings_in("adapted_self_training trainer=mcc share=0.5") == {
        "kind": "adapted_self_training",
        "trainer": "mcc",
        "share": 0.5,
    }


def row(kind: str, pair: str, seed: int, accuracy: float, largest: float = 0.2, seconds: float = 10.0) -> dict[str, Any]:
    return {"kind": kind, "pair": pair, "seed": seed, "accuracy": accuracy, "largest": largest, "seconds": seconds}


def test_gain_pairs_harm_and_collapse_are_relative_to_the_reference_of_the_same_cell() -> None:
    rows = [
        row(REFERENCE, "mnist to digits", 0, 0.5),
        row(REFERENCE, "mnist to digits", 1, 0.4),
        row(REFERENCE, "digits to mnist", 0, 0.3, largest=0.95),
        row("jan", "mnist to digits", 0, 0.7, seconds=30),
        row("jan", "mnist to digits", 1, 0.35, largest=0.91, seconds=40),
        row("jan", "digits to mnist", 0, 0.295, largest=0.95, seconds=50),
        row("jan", "digits to mnist", 1, 0.9),
        {"kind": "dan", "pair": "mnist to digits", "seed": 0, "failure": "it broke down"},
    ]
    assert table(rows).splitlines() == [
        "| method | mnist to digits | digits to mnist | cells | gain | pairs with a gain | harm | collapse | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| jan | 52.5 | 29.5 | 3 | +4.8 | 1 of 2 | 33% | 33% | 40 |",
        f"| {REFERENCE} | 45.0 | 30.0 | 3 | +0.0 | 0 of 2 | 0% | 0% | 10 |",
    ]
