"""Weights & Biases: a run of the project "headstart", sent or, offline, kept to be sent later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from accelerate.tracking import WandBTracker

from headstart.core.errors import PlanError
from headstart.tracking.contents import Contents
from headstart.tracking.curves import Point
from headstart.tracking.trackers.base import Status, Tracker, started

PROJECT = "headstart"
"""The project, where `WANDB_PROJECT` names none."""


class WandB(Tracker):
    """A run of the project that `WANDB_PROJECT` names; with `WANDB_MODE=offline` nothing is sent until `wandb sync`.

    Parameters are the configuration, metrics and texts the summary, tables are tables, and files are one artifact.
    """

    package = "wandb"

    @classmethod
    def check(cls) -> None:
        """See `Tracker.check`; who is not logged in is asked now, in a terminal, or refused: `PlanError`."""
        super().check()
        import wandb  # noqa: PLC0415

        try:
            wandb.login()
        except wandb.Error as error:
            raise PlanError(f"wandb: {str(error).rstrip('.')}. Log in, or set WANDB_MODE=offline.") from error

    def place(self) -> str:
        """See `Tracker.place`."""
        return os.environ.get("WANDB_PROJECT") or PROJECT

    def open(self, name: str, identity: str) -> str:
        """See `Tracker.open`."""
        chosen = identity or uuid4().hex[:8]
        self._tracker: Any = started(WandBTracker(self.place(), id=chosen, name=name, resume="allow"))
        self._known: set[str] = set()
        return chosen

    def curve(self, name: str, points: Sequence[Point]) -> None:
        """See `Tracker.curve`; each curve counts its own steps, as those of a run may only grow."""
        run = self._tracker.tracker
        if name not in self._known:
            run.define_metric(f"{name}/*", step_metric=f"{name}/step")
            self._known.add(name)
        for point in points:
            run.log({f"{name}/{key}": value for key, value in {"step": point.step, **point.values}.items()})

    def write(self, contents: Contents) -> None:
        """See `Tracker.write`."""
        import wandb  # noqa: PLC0415

        self._tracker.store_init_configuration(contents.parameters)
        run = self._tracker.tracker
        run.summary.update({**contents.metrics, **contents.texts})
        for name, table in contents.tables.items():
            self._tracker.log_table(name, columns=list(table.columns), data=[list(map(str, row)) for row in table.rows])
        artifact = wandb.Artifact(f"headstart-{run.id}", type="run")
        for path in contents.files:
            artifact.add_file(str(path))
        run.log_artifact(artifact)

    def close(self, status: Status) -> None:
        """See `Tracker.close`; accelerate ends every run as finished."""
        self._tracker.tracker.finish(exit_code=0 if status == "finished" else 1)
