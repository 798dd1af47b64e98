"""Session: one run in one tracker, written from a thread of its own, so that no run waits for a tracker or ends with it."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate.state import PartialState

from headstart.core.arguments import Texts, several
from headstart.core.curves import following_curves
from headstart.core.errors import PlanError
from headstart.core.progress import note
from headstart.core.records import Record, fingerprint_of, write_atomically
from headstart.runs.manifest import TRACKING
from headstart.tracking.contents import Contents
from headstart.tracking.curves import histories_in, points_of
from headstart.tracking.trackers import TRACKERS
from headstart.tracking.trackers.base import Status, Tracker

PAUSE_SECONDS = 2.0
"""New lines of histories are sent this often."""
PATIENCE_SECONDS = 60.0
"""At the end, a tracker that has not answered for so long is given up. Clients of servers that are gone try again for minutes.
Chosen, not measured."""
PATIENCE_STOPPED_SECONDS = 5.0
"""The same where the run was stopped or failed."""


class Tracked(Record):
    """What a tracker was told of a run.

    Attributes:
        place: Where.
        identity: What the tracker goes on with.
        parameters: Fingerprint of the parameters; empty before the end.
        content: Fingerprint of all that was written at the end; empty before.
        lines: Lines of each history that were sent, by its path below the steps.
    """

    place: str
    identity: str
    parameters: str = ""
    content: str = ""
    lines: dict[str, int] = {}


class Session:
    """One run in one tracker.

    Args:
        name: Of the tracker.
        folder: The run's. Nothing is written before it exists.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.fault: str | None = None
        self.record: Tracked | None = None
        self._tracker: Tracker | None = None
        self._grown: set[Path] = set()
        self._contents: Contents | None = None
        self._status: Status = "finished"
        self._ending = threading.Event()
        self._silenced = threading.Lock()
        self._answered = time.monotonic()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._follow,), name=f"tracking-{name}", daemon=True)

    @property
    def path(self) -> Path:
        """Where the record lies."""
        return self.folder / TRACKING / f"{self.name}.json"

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def tell(self, history: Path) -> None:
        """Take in that a history has new lines."""
        if history.is_relative_to(self.folder / "steps"):
            self._grown.add(history)

    def end(self, status: Status, contents: Contents | None = None) -> None:
        """Let it come to its end, with what is known then; see `wait`."""
        self._status, self._contents, self._answered = status, contents, time.monotonic()
        self._ending.set()

    def wait(self, patience: float) -> None:
        """Wait for the end; a tracker that does not answer for so many seconds is given up."""
        while self._thread.is_alive():
            self._thread.join(0.1)
            if self._thread.is_alive() and time.monotonic() - self._answered > patience:
                self._give_up(f"it did not answer for {patience:.0f} s")
                return

    def _follow(self) -> None:
        try:
            while not self._ending.wait(PAUSE_SECONDS if self._tracker else 0.1):
                if self.folder.is_dir():
                    self._send_curves()
            self._finish()
        except Exception as error:  # noqa: BLE001  the libraries' errors have no class in common
            self._give_up(_reason(error))

    def _give_up(self, reason: str) -> None:
        """Say once why nothing is written any more."""
        if self._silenced.acquire(blocking=False):
            self.fault = reason
            self._ending.set()
            note(
                f"Tracking with {self.name} stopped: {reason}. "
                f"The run goes on; `headstart track {self.folder} --to {self.name}` writes it later."
            )

    def _open(self, *, anew: bool = False) -> tuple[Tracker, Tracked]:
        if self._tracker is not None and self.record is not None and not anew:
            return self._tracker, self.record
        tracker = TRACKERS.get(self.name)(self.folder / TRACKING / self.name)
        place = tracker.place()
        before = _recorded(self.path)
        known = before if before is not None and before.place == place and not anew else Tracked(place=place, identity="")
        identity = tracker.open(self.folder.resolve().name, known.identity)
        self._tracker, self.record = tracker, known if identity == known.identity else Tracked(place=place, identity=identity)
        self._write_record({})
        return tracker, self.record

    def _send_curves(self) -> None:
        tracker, record = self._open()
        steps = self.folder / "steps"
        for history in sorted(self._grown.copy()):
            self._grown.discard(history)  # before it is read: lines that come now are told again
            key = history.relative_to(steps).as_posix()
            curves, count = points_of(history, steps, record.lines.get(key, 0))
            for name, points in curves.items():
                tracker.curve(name, points)
                self._answered = time.monotonic()
            record = self._write_record({"lines": {**record.lines, key: count}})

    def _finish(self) -> None:
        if not self.folder.is_dir():
            return
        tracker, record = self._open()
        contents = self._contents
        if contents is not None:
            parameters = fingerprint_of(contents.parameters)
            if record.parameters not in ("", parameters):  # another plan in the same folder: parameters of a run stay
                tracker.close("finished")
                tracker, record = self._open(anew=True)
            self._grown.update(histories_in(self.folder))
            self._send_curves()
            if record.content != contents.fingerprint:
                tracker.write(contents)
                self._write_record({"parameters": parameters, "content": contents.fingerprint})
        else:
            self._send_curves()
        tracker.close(self._status)

    def _write_record(self, changes: dict[str, object]) -> Tracked:
        self._answered = time.monotonic()
        assert self.record is not None
        self.record = self.record.model_copy(update=changes)
        write_atomically(self.path, self.record.to_json())
        return self.record


def trackers_named(names: Texts) -> tuple[str, ...]:
    """The names, each once; a PlanError where there is no such tracker, a MissingExtraError where its package is absent."""
    found = tuple(dict.fromkeys(several(names)))
    for name in found:
        TRACKERS.get(name).check()
    return found


@contextmanager
def tracked(
    names: Sequence[str], folder: Path, contents: Callable[[], Contents], patience: float = PATIENCE_SECONDS
) -> Iterator[list[Session]]:
    """Inside, training curves are written to trackers as they grow, and at the end what came out.

    A tracker that fails says so once, on stderr; nothing else changes.

    Args:
        names: Of the trackers, as `trackers_named` gives them.
        folder: Of the run or search.
        contents: What came out; called at the end.
        patience: Seconds that a tracker has at the end to give a sign; five where the run was stopped or failed.

    Yields:
        One session a tracker.
    """
    if not names:
        yield []
        return
    # Made in this thread, like the training loop's: two threads must not make it at once.
    PartialState(cpu=not torch.cuda.is_available())
    sessions = [Session(name, folder) for name in names]
    for session in sessions:
        session.start()

    def tell(history: Path) -> None:
        for session in sessions:
            session.tell(history)

    ended: tuple[Status, Contents | None] = "failed", None
    try:
        with following_curves(tell):
            yield sessions
        ended = "finished", contents()
    except KeyboardInterrupt:
        ended = "interrupted", None
        raise
    finally:
        for session in sessions:
            session.end(*ended)
        for session in sessions:
            session.wait(patience if ended[0] == "finished" else PATIENCE_STOPPED_SECONDS)


def _recorded(path: Path) -> Tracked | None:
    """What was told before; None where nothing was, or nothing that can be read."""
    try:
        return Tracked.read(path)
    except (FileNotFoundError, UnicodeDecodeError, PlanError):
        return None


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
