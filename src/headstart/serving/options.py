"""Options: what a server answers with and by which rules, for one process and for a cluster alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from headstart.serving.application import application
from headstart.serving.copies import Listed
from headstart.serving.folders import corrections_folder
from headstart.serving.limits import Limits
from headstart.serving.placing import Scale
from headstart.serving.security import digests_of
from headstart.serving.service import Service


@dataclass(frozen=True)
class ServerOptions:
    """What a server answers with and by which rules.

    Attributes:
        runs: Run folders, the default first.
        galleries: Folders of galleries.
        limits: What requests may ask.
        corrections: The folder for corrections; None keeps them beside each run.
        shown: A folder whose runs are shown; None shows none.
        read_only: Whether nothing can be changed by requests.
        examples: Whether training pictures are shown as reasons.
        keys: Of which a request needs one.
        origins: Of pages on other hosts that may ask.
        local: Whether requests must name this machine as their host.
    """

    runs: tuple[Path, ...]
    galleries: tuple[Path, ...]
    limits: Limits
    corrections: Path | None = None
    shown: Path | None = None
    read_only: bool = False
    examples: bool = True
    keys: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    local: bool = False

    def service(self, examples: bool) -> Service:
        """A service in this process, which shows examples or not; an error says what cannot be served."""
        return Service(
            self.runs, self.galleries, self.limits, corrections=self.corrections, read_only=self.read_only,
            examples=examples, folder=self.shown,
        )  # fmt: skip

    def scale(self, replicas: str, cores: float) -> Scale:
        """How much of a cluster a server of so many replicas takes; `DataError` where a folder is too large to be sent."""
        listed = [Listed(one) for one in (*self.runs, *self.galleries)]
        for one in listed:
            one.check_size()
        return Scale.of(replicas, cores, sum(one.num_weight_bytes() for one in listed))

    def application(self, service: Service) -> FastAPI:
        """The application that answers for a service."""
        return application(service, digests_of(self.keys), self.origins, self.local)

    def settings(self) -> dict[str, Any]:
        """All of it for other processes: folders by the names that requests use, and what JSON can hold.

        Whoever can use a cluster can read them, so they have the digests of keys, which are no keys.
        """
        return {
            "runs": {one.resolve().name: str(one.absolute()) for one in self.runs},
            "galleries": {one.resolve().name: str(one.absolute()) for one in self.galleries},
            "corrections": {one.resolve().name: str(corrections_folder(one, self.corrections).absolute()) for one in self.runs},
            "shown": None if self.shown is None else str(self.shown.absolute()),
            "limits": self.limits.to_dict(),
            "read_only": self.read_only,
            "examples": self.examples,
            "key_digests": digests_of(self.keys),
            "origins": list(self.origins),
            "local": self.local,
        }
