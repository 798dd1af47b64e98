"""Options: what the user asked a decision for."""

from __future__ import annotations

from typing import Any, NamedTuple

from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.planning.deciding.trials import Only
from headstart.training.settings import Training


class Options(NamedTuple):
    """What the user asked for.

    Attributes:
        method: The only method to try for transfer; None tries all of the schedule.
        settings: Hyper-parameters of that method.
        training: Fields of `Training` to set for gradient methods.
        only: The one side that is tried; None tries both.
        members: Models that may predict together, at most; 1 for a single model, None for as many as is usual.
    """

    method: str | None = None
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}
    only: Only | None = None
    members: int | None = None

    def recipe(self, seed: int) -> Training:
        """The usual training with the user's fields."""
        return Training.from_dict({"seed": seed, **self.training}, "--set training")

    def chosen(self, kind: str, **usual: Any) -> dict[str, Any]:
        """Settings of a method of that kind, the usual ones replaced by the user's."""
        return settings_of(method_from({"kind": kind, **usual, **self.settings}, "--set"))
