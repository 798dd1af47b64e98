"""The budget of a run: how much is tried, in predicted seconds."""

from __future__ import annotations

from headstart.backbones.machine_speed import slowness

STARTING_SECONDS = 15.0
"""Of the minutes that a user gives, what loading, the first model, inspecting and ranking take."""
DEFAULT_SECONDS = 200.0
"""Predicted seconds for trying where the user gives no minutes, on the machine that costs were measured on (two cores, AMD EPYC
Zen 4). Of the 1,408 embedded pictures it has room for the features of three networks, a network from scratch and a fold of
fine-tuning."""


def budget_of(minutes: float | None) -> float:
    """Predicted seconds on this machine that candidates may take.

    Without minutes, it is as many as let every machine try the same, slow or fast.
    """
    if minutes is None:
        return DEFAULT_SECONDS * slowness()
    return max(0.0, 60 * minutes - STARTING_SECONDS)
