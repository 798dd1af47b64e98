"""Owner: the one process of a server on a cluster that reads and changes its folders, and knows of all that answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from headstart.core.language import language_named
from headstart.core.progress import silent
from headstart.features.store.transient import transient_features
from headstart.gallery import Gallery
from headstart.serving.copies import Contents, Listed
from headstart.serving.corrections import Corrections
from headstart.serving.enrolling import enroll, forget
from headstart.serving.folder_of_runs import FolderOfRuns
from headstart.serving.metrics import summed
from headstart.serving.pictures import Upload
from headstart.serving.placing import marks_of
from headstart.serving.refusals import RefusedError, out_of_reach

T = TypeVar("T")
SILENT_SECONDS = 30.0
"""A process that says nothing for so long counts as gone; they report twice a second. Chosen, not measured."""
FORGET_SECONDS = 600.0
"""After so long the counts of a process that is gone are added to those of all others. Chosen, not measured."""
LOOK_SECONDS = 0.5
"""How old the list of a folder's files may be where a gallery is not concerned. Chosen, not measured."""


@dataclass(frozen=True)
class Report:
    """What a process that answers says of itself.

    Attributes:
        replica: Its name.
        process: Its number on its machine.
        generation: Of the settings that it answers by; newer ones have a larger number.
        failed: Generation of newer settings that it could not load; 0 where there are none.
        fault: Why it could not load them; None where it could.
        draining: Whether it refuses what is new.
        num_begun: Requests in its hands.
        families: Its metrics.
        settings: By which it answers, where the owner has none or older ones, as one that was started again; None where not.
    """

    replica: str
    process: int
    generation: int
    failed: int
    fault: str | None
    draining: bool
    num_begun: int
    families: Sequence[Any] = field(repr=False)
    settings: dict[str, Any] | None = field(repr=False)


@dataclass(frozen=True)
class Standing:
    """What the owner answers to a report.

    Attributes:
        draining: Whether nothing new is to be begun.
        generation: Of the newest settings.
        contents: The files of each run and gallery, by its name.
    """

    draining: bool
    generation: int
    contents: dict[str, Contents]


class Owner:
    """The folders that are served, by the names of runs and galleries; those of earlier settings stay known.

    One that was started again after its process died has no settings until a replica reports its own, and refuses until then.
    """

    def __init__(self) -> None:
        self.draining = False
        self.settings: dict[str, Any] = {"generation": 0}
        self._listed: dict[str, Listed] = {}
        self._galleries: dict[str, Gallery] = {}
        self._corrections: dict[str, Corrections] = {}
        self._shown: FolderOfRuns | None = None
        self._reports: dict[str, tuple[float, Report]] = {}
        self._gone: list[Any] = []
        self._forgotten: set[str] = set()
        self._noting = threading.Lock()
        self._changing = threading.Lock()
        self._looking = threading.Lock()
        self._seen: tuple[float, dict[str, Contents]] = (0.0, {})

    def renew(self, settings: dict[str, Any]) -> None:
        """Serve what settings name, from now on; `HeadstartError` where that cannot be."""
        with self._changing:
            self._take(settings)

    def _take(self, settings: dict[str, Any]) -> None:
        for name, folder in {**settings["runs"], **settings["galleries"]}.items():
            if name not in self._listed or self._listed[name].folder != Path(folder):
                self._listed[name] = Listed(Path(folder))
        self._galleries |= {name: Gallery.open(folder) for name, folder in settings["galleries"].items()}
        self._corrections |= {name: Corrections(Path(folder)) for name, folder in settings["corrections"].items()}
        shown, before = settings["shown"], self._shown
        if before is None or shown is None or before.folder != Path(shown):
            self._shown = None if shown is None else FolderOfRuns(Path(shown))
            if before is not None:
                before.close()
        self._seen = (0.0, {})
        self.draining = False
        self.settings = settings

    def newest(self) -> dict[str, Any]:
        """The settings by which is to be answered; of generation 0 where there are none yet."""
        return self.settings

    def drain(self) -> None:
        """Have nothing new begun."""
        self.draining = True

    def process(self) -> int:
        """The number of this process on its machine."""
        return os.getpid()

    def marks(self, folders: Sequence[str]) -> dict[str, tuple[int, ...] | None]:
        """What tells whether folders are the same as those of another process."""
        return marks_of(folders)

    def contents(self, name: str) -> Contents | RefusedError | None:
        """The files of a run or a gallery as they are now; None where it is gone, a refusal where no settings name it yet."""
        listed = self._listed.get(name)
        if listed is None:
            return out_of_reach()
        with self._looking:
            return listed.contents()

    def content(self, name: str, path: str, digest: str) -> bytes | None:
        """A file of a run or a gallery; None where it has changed since it was listed."""
        listed = self._listed.get(name)
        return None if listed is None else listed.content(path, digest)

    def keep(self, run: str, uploads: Sequence[Upload], label: str) -> tuple[int, str] | RefusedError:
        """See `Folders.keep`."""
        corrections = self._corrections.get(run)
        if corrections is None:
            return out_of_reach()
        return self._told(lambda: (corrections.keep(list(uploads), label), corrections.folder.name))

    def enroll(self, gallery: str, name: str, images: Sequence[Image.Image]) -> dict[str, Any] | RefusedError:
        """See `Folders.enroll`."""
        found = self._galleries.get(gallery)
        return out_of_reach() if found is None else self._told(lambda: enroll(found, name, images))

    def forget(self, gallery: str, name: str) -> dict[str, Any] | RefusedError:
        """See `Folders.forget`."""
        found = self._galleries.get(gallery)
        return out_of_reach() if found is None else self._told(lambda: forget(found, name))

    def _told(self, work: Callable[[], T]) -> T | RefusedError:
        """The result of a change, one at a time, or why it is refused: a value, since an exception is logged as a failure."""
        try:
            with self._changing, silent(), transient_features():
                return work()
        except RefusedError as error:
            return error

    def all_runs(self, language: str) -> dict[str, Any] | RefusedError:
        """See `ShownRuns.all_runs`."""
        return out_of_reach() if self._shown is None else self._shown.all_runs(language_named(language))

    def compared(self, first: str, second: str) -> dict[str, Any] | RefusedError:
        """See `ShownRuns.compared`."""
        try:
            return out_of_reach() if self._shown is None else self._shown.compared(first, second)
        except RefusedError as error:
            return error

    def report(self, said: Report) -> Standing:
        """What a process should know, which reports what it does."""
        self._note(said)
        if said.settings is not None and said.generation > self.settings["generation"]:
            with self._changing:  # which a change has for as long as it takes, and reports must not wait for that
                if said.generation > self.settings["generation"]:
                    self._take(said.settings)
        with self._looking:
            seen, contents = self._seen
            if time.monotonic() - seen > LOOK_SECONDS:
                found = {name: listed.contents() for name, listed in self._listed.items()}
                contents = {name: one for name, one in found.items() if one is not None}
                self._seen = time.monotonic(), contents
        return Standing(self.draining, self.settings["generation"], contents)

    def families(self, said: Report) -> list[Any]:
        """The metrics of all processes, whose own one reports."""
        self._note(said)
        with self._noting:
            gone, reports, now = self._gone, list(self._reports.values()), time.monotonic()
        of_living = [report.families for said_at, report in reports if now - said_at <= SILENT_SECONDS]
        of_silent = [report.families for said_at, report in reports if now - said_at > SILENT_SECONDS]
        return summed(of_living, [gone, *of_silent])

    def _note(self, said: Report) -> None:
        """Keep what a process said last, and of those that are gone for long only the sum of their counts."""
        with self._noting:
            now = time.monotonic()
            if said.replica not in self._forgotten:
                self._reports[said.replica] = now, said
            for name in [name for name, (said_at, _) in self._reports.items() if now - said_at > FORGET_SECONDS]:
                self._gone = summed([], [self._gone, self._reports.pop(name)[1].families])
                self._forgotten.add(name)

    def close(self) -> None:
        """End what works for the runs that are shown."""
        if self._shown is not None:
            self._shown.close()

    def living(self) -> list[Report]:
        """What each process said last that is there still, but for its metrics and settings."""
        with self._noting:
            reports, now = list(self._reports.values()), time.monotonic()
        return [replace(report, families=(), settings=None) for said_at, report in reports if now - said_at <= SILENT_SECONDS]
