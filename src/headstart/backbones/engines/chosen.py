"""Chosen: the record of which engine runs a network, with the rates that were promised and reached. It needs no PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from headstart.backbones.engines.machine import Machine
from headstart.backbones.engines.trial import ENOUGH, UNSTEADY
from headstart.core.dropping import cached_record
from headstart.core.folders import cache_folder
from headstart.core.records import Migration, Record, renamed

PREFIX = "network-"
"""What the names of choices begin with, in their folder of the cache."""
FALLS_SHORT = 0.5
"""An engine that reaches less than this share of its promised rate is doubted. Readers beside it, which are accounted for, and
other processes cost less on a machine like that of the trial."""


class Choice(Record):
    """Which engine runs a network on this machine, and why.

    Attributes:
        engine: The fastest of those whose error is small enough.
        images_per_second: Pictures a second, by engine; that of `engine` is the promised rate.
        errors: Of features against exact ones, by engine; empty where only the reference was run.
        faults: Why an engine cannot run the network at all, by engine.
        network: The network and its input size, for people.
        made: When, in UTC, as ISO 8601 writes it.
        trial_seconds: What the trial took, making engines included.
        share: Of the processor time of all cores, what the trial got at most.
        unsteadiness: The largest ratio between the rates of one engine in the trial.
        machine: Where it was made; None in records of earlier versions.
        reached: Pictures a second of the engine in the last extraction of many; None before.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("rates", "images_per_second"),)
    engine: str
    images_per_second: dict[str, float]
    errors: dict[str, float]
    faults: dict[str, str] = {}
    network: str = ""
    made: str = ""
    trial_seconds: float = 0.0
    share: float = 1.0
    unsteadiness: float = 1.0
    machine: Machine | None = None
    reached: float | None = None

    @property
    def promised(self) -> float:
        """Pictures a second of the engine in the trial; 0 where it was not run."""
        return self.images_per_second.get(self.engine, 0.0)

    @property
    def under_load(self) -> bool:
        """Whether other processes may have decided which engine was fastest."""
        return self.share < ENOUGH or self.unsteadiness > UNSTEADY

    @property
    def in_doubt(self) -> bool:
        """Whether engines should be tried again: it was made under load, or the promised rate is not reached."""
        return self.under_load or (self.reached is not None and self.reached < FALLS_SHORT * self.promised)


def choices_folder() -> Path:
    """The cache's folder for choices and what they rest on."""
    return cache_folder() / "engines"


def choices() -> list[Choice]:
    """All choices in the cache that were made by trial, also those of other machines."""
    paths = sorted(choices_folder().glob(f"{PREFIX}*.json"))
    found = [cached_record(path, Choice) for path in paths]
    return [choice for choice in found if choice is not None and choice.errors]
