"""TensorBoard: event files in the run's own folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.tracking import TensorBoardTracker

from headstart.tracking.contents import Contents
from headstart.tracking.curves import Point
from headstart.tracking.trackers.base import Status, Tracker, as_markdown, started


class TensorBoard(Tracker):
    """Event files below the run: `tensorboard --logdir runs` shows all runs of a folder.

    Curves and metrics are scalars; texts and tables are shown as Markdown. TensorBoard holds no files: the path of the report is
    one of the texts.
    """

    package = "tensorboard"

    def place(self) -> str:
        """See `Tracker.place`; in the run's folder, wherever that is moved."""
        return "/".join(self.folder.parts[-2:])

    def open(self, name: str, identity: str) -> str:
        """See `Tracker.open`; each identity is a folder of event files."""
        del name
        numbers = [int(path.name) for path in self.folder.glob("[0-9]*") if path.is_dir()]
        chosen = identity or str(max(numbers, default=0) + 1)
        self._tracker: Any = started(TensorBoardTracker(chosen, str(self.folder)))
        return chosen

    def curve(self, name: str, points: Sequence[Point]) -> None:
        """See `Tracker.curve`."""
        for point in points:
            self._tracker.log({f"{name}/{key}": value for key, value in point.values.items()}, step=point.step)

    def write(self, contents: Contents) -> None:
        """See `Tracker.write`; parameters and metrics are one row of the tab HPARAMS."""
        tables = {name: as_markdown(table) for name, table in contents.tables.items()}
        report: dict[str, str] = {"report": _linked(contents.files[0])} if contents.files else {}
        # accelerate's own `store_init_configuration` writes parameters alone, as a run beside this one.
        self._tracker.tracker.add_hparams(contents.parameters, contents.metrics, run_name=".", global_step=0)
        self._tracker.log({**contents.texts, **tables, **report}, step=0)

    def close(self, status: Status) -> None:
        """See `Tracker.close`."""
        del status
        self._tracker.finish()


def _linked(path: Path) -> str:
    return f"[{path.name}]({path.absolute().as_uri()})"
