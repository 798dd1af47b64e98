"""Commands in child processes, whose disk fails, and what is left of their work."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from failing_disk import ONCE, Fault, watched
from power import after_power

from headstart.core.records import Record
from headstart.core.soundness import fault_of
from headstart.core.steps import Steps
from headstart.runs import in_progress

SECONDS = 120
"""After which a child counts as hanging."""


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        code: Its exit code; the negative number of the signal that ended it.
        err: What it wrote to standard error.
        points: Points of the disk, as `Disk.points`.
        made: Steps that were made, in their order.
    """

    code: int
    err: str
    points: list[str]
    made: list[str]


@dataclass(frozen=True)
class Home:
    """A folder that a command works in, always at the same path.

    Attributes:
        folder: It has `cache` and `out`, which are watched.
        template: What it is made of before each case.
    """

    folder: Path
    template: Path

    @property
    def places(self) -> list[Path]:
        """Where commands write."""
        return [self.folder / "cache", self.folder / "out"]

    def renew(self) -> None:
        """Make the folder as it was before the command."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.template, self.folder)

    def child(self, call: Callable[[], Any], at: int = 0, fault: Fault = ONCE) -> Ended:
        """Call a function in a fork of this process, which has imported everything."""
        return self.end(self.begin(call, at, fault))

    def begin(self, call: Callable[[], Any], at: int = 0, fault: Fault = ONCE, name: str = "") -> tuple[int, str]:
        """Begin such a call, whose notes have a name; see `end`."""
        notes, err = self.folder / f"notes{name}.json", self.folder / f"err{name}.txt"
        notes.unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which wait for work
            pid = os.fork()
        if not pid:
            self._in_child(call, at, fault, notes, err)
        return pid, name

    def end(self, begun: tuple[int, str]) -> Ended:
        """Wait for a call that was begun."""
        pid, name = begun
        notes, err = self.folder / f"notes{name}.json", self.folder / f"err{name}.txt"
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        after_power(self.places)
        said = json.loads(notes.read_text()) if notes.exists() else {"points": [], "made": []}
        return Ended(code, err.read_text(), **said)

    def _in_child(self, call: Callable[[], Any], at: int, fault: Fault, notes: Path, err: Path) -> None:
        made: list[str] = []
        code: Any = 70
        try:
            signal.alarm(SECONDS)
            os.chdir(self.folder)
            os.environ["HEADSTART_CACHE"] = str(self.folder / "cache")
            with err.open("w") as stream:
                os.dup2(stream.fileno(), 2)
                os.dup2(stream.fileno(), 1)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            in_progress.SECONDS_BETWEEN = math.inf  # the same writes each time, however long they take
            with _noting(made), watched(self.places, at, fault) as disk:
                try:
                    call()
                    code = 0
                except SystemExit as ended:
                    code = ended.code or 0
                except BaseException:  # noqa: BLE001  whatever comes is what this looks for
                    traceback.print_exc()
            notes.write_text(json.dumps({"points": disk.points, "made": made}))
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def finished_steps(self) -> set[str]:
        """The steps of the run or study in `out/run` whose results are there."""
        return {path.stem for path in (self.folder / "out" / "run" / "steps").glob("*-*.json")}

    def faults(self) -> list[str]:
        """Files that have the name of a whole file and cannot be read."""
        files = [path for place in self.places for path in sorted(place.rglob("*")) if path.is_file()]
        whole = [path for path in files if not any(part.startswith(".") for part in path.relative_to(self.folder).parts)]
        return [f"{path}: {fault}" for path in whole if (fault := fault_of(path))]

    def faults_of_synced(self) -> list[str]:
        """As `faults`, of files that a power failure must not damage: a cache is mended, and the note of progress is none."""
        return [said for said in self.faults() if "/out/" in said and "/progress.json: " not in said]

    def leftovers(self) -> list[str]:
        """Files and folders of unfinished writes."""
        return [str(path) for place in self.places for path in place.rglob("*") if path.name.startswith(".")]


class _noting:  # noqa: N801  a context manager
    """Inside, steps that are made are noted: those that were looked for and not found."""

    def __init__(self, made: list[str]) -> None:
        real = Steps.run

        def run(self: Steps, name: str, inputs: dict[str, Any], kind: type[Record], make: Any, *rest: Any) -> Any:
            stem = self.stem(name, inputs)

            def found(*args: Any) -> Any:
                result = Steps._found(self, *args)
                if result is None:
                    made.append(stem)
                return result

            copied = Steps(self.folder, self.shared)
            copied._found = found  # type: ignore[method-assign]
            return real(copied, name, inputs, kind, make, *rest)

        self.patch = mock.patch.object(Steps, "run", run)

    def __enter__(self) -> None:
        self.patch.start()

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):
            self.patch.stop()
