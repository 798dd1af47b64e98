"""Plans and studies for tests of searching."""

from __future__ import annotations

import pytest

from headstart.planning.improving.study import Found, SearchTrial
from headstart.planning.plan import Plan

BAD, GOOD = 90, 9


def plan_of(neighbors: int = BAD, **other) -> Plan:
    values = {"pretrained": "embeddings", "weights": "none", "input_pixels": 1}
    values |= {"method": {"kind": "knn", "num_neighbors": neighbors}}
    return Plan(data="vectors.npz", **{**values, **other})


def neighbors(found: Found) -> list[int]:
    return [trial.settings["method.num_neighbors"] for trial in found.trials]


def same(found: Found) -> list[SearchTrial]:
    """The trials but for their seconds."""
    return [trial.model_copy(update={"seconds": 0.0}) for trial in found.trials]


def refused(error, call) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)
