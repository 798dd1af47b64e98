"""MLflow: a run of the experiment "headstart", on a server or in a local database."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.tracking import MLflowTracker

from headstart.tracking.contents import Contents
from headstart.tracking.curves import Point
from headstart.tracking.trackers.base import Status, Tracker, as_markdown, started

EXPERIMENT = "headstart"
"""The experiment, where `MLFLOW_EXPERIMENT_NAME` names none."""
MOST_METRICS = 1_000
"""Metrics that MLflow takes in one request."""
ENDS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
NOT_ALLOWED = re.compile(r"[^\w.\-/ ]")
"""Characters that MLflow refuses in names on one system or another."""


class MLflow(Tracker):
    """A run where `MLFLOW_TRACKING_URI` says, or where MLflow itself writes without it: `mlflow.db` in the working folder.

    Texts are tags, tables and files are artifacts. A plus or comma in the name of a candidate becomes "_".
    """

    package = "mlflow"

    def place(self) -> str:
        """See `Tracker.place`."""
        import mlflow  # noqa: PLC0415

        return str(mlflow.get_tracking_uri())

    def open(self, name: str, identity: str) -> str:
        """See `Tracker.open`; a run that was deleted is begun anew."""
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for answers
        tracker = MLflowTracker(EXPERIMENT, run_id=identity if _is_there(identity) else None, run_name=name)
        self._tracker: Any = started(tracker)
        return str(self._tracker.tracker.info.run_id)

    def curve(self, name: str, points: Sequence[Point]) -> None:
        """See `Tracker.curve`; in as few requests as MLflow allows, where accelerate makes one a step."""
        from mlflow import MlflowClient  # noqa: PLC0415
        from mlflow.entities import Metric  # noqa: PLC0415

        now = int(1000 * time.time())
        metrics = [
            Metric(_allowed(f"{name}/{key}"), value, now, point.step) for point in points for key, value in point.values.items()
        ]
        for begin in range(0, len(metrics), MOST_METRICS):
            run_id = self._tracker.tracker.info.run_id
            MlflowClient().log_batch(run_id, metrics=metrics[begin : begin + MOST_METRICS])

    def write(self, contents: Contents) -> None:
        """See `Tracker.write`."""
        import mlflow  # noqa: PLC0415

        self._tracker.store_init_configuration(contents.parameters)
        self._tracker.log(contents.metrics, step=0)
        mlflow.set_tags(contents.texts)
        for path in contents.files:
            self._tracker.log_artifact(str(path))
        with tempfile.TemporaryDirectory() as folder:
            for name, table in contents.tables.items():
                path = Path(folder) / f"{name}.md"
                path.write_text(as_markdown(table) + "\n", encoding="utf-8")
                self._tracker.log_artifact(str(path))

    def close(self, status: Status) -> None:
        """See `Tracker.close`; accelerate ends every run as finished."""
        import mlflow  # noqa: PLC0415

        mlflow.end_run(ENDS[status])


def _is_there(identity: str) -> bool:
    """Whether a run can be gone on with."""
    from mlflow import MlflowClient  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        return bool(identity) and MlflowClient().get_run(identity).info.lifecycle_stage == "active"
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def _allowed(name: str) -> str:
    """The name as MLflow takes it.

    >>> _allowed("ridge on stages+pixels of net/fold 1/lr")
    'ridge on stages_pixels of net/fold 1/lr'
    """
    return NOT_ALLOWED.sub("_", name)
