"""Launched: whether a program such as torchrun started this process as one of several, by the variables that it sets."""

from __future__ import annotations

import os
from dataclasses import dataclass

from headstart.core.errors import PlanError

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun, and `accelerate launch` and Ray Train as it does, tells each process; other programs set some of them alone."""


@dataclass(frozen=True)
class Launched:
    """A process among those that were started together.

    Attributes:
        rank: Its number, from 0.
        count: How many there are.
        local_rank: Its number on its machine.
        local_count: How many there are on its machine.
    """

    rank: int
    count: int
    local_rank: int
    local_count: int


def launched() -> Launched | None:
    """What this process is among several; None where it is alone."""
    if any(name not in os.environ for name in VARIABLES):
        return None
    try:
        rank, count, local_rank, local_count = (int(os.environ[name]) for name in VARIABLES[:4])
    except ValueError:
        found = ", ".join(f"{name}={os.environ[name]}" for name in VARIABLES[:4])
        raise PlanError(f"{found}: these have to be numbers. Start the processes with torchrun.") from None
    return Launched(rank, count, local_rank, local_count) if count > 1 else None


_CONNECTED: list[Launched] = []
"""What this process is, while it is connected to the others and knows whether it runs the program."""


def note_connected(is_connected: bool, place: Launched) -> None:
    """Note that this process met the others, or left them."""
    if is_connected:
        _CONNECTED.append(place)
    else:
        _CONNECTED[:] = [one for one in _CONNECTED if one != place]


def check_connected() -> None:
    """Refuse the work of one of several processes that have not met, each of which would do all of it, into one folder."""
    place = None if _CONNECTED else launched()
    if place is not None:
        raise PlanError(
            f"This is process {place.rank} of {place.count} that were started together, and each would run the whole program. "
            "Start `-m headstart` in this way, or let the first one run the program inside "
            "headstart.training.joining.all_processes."
        )
