"""At the owner: folders of a server on a cluster, asked of the one process that has them, and copied for reading."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from headstart.core.errors import DataError
from headstart.core.language import Language
from headstart.gallery import Gallery
from headstart.serving.copies import Copy
from headstart.serving.folders import Folders, ShownRuns
from headstart.serving.metrics import Metrics, text_of
from headstart.serving.owner import Report
from headstart.serving.pictures import Upload
from headstart.serving.refusals import RefusedError, out_of_reach, too_late

OWNER, NAMESPACE = "owner", "headstart"
"""The name of its actor, and where that is known."""
ANSWER_SECONDS = 60.0
"""So long an answer of the owner is waited for: it may have to send a model, or to load a network. Chosen, not measured."""
TIMES, SECONDS_BETWEEN = 20, 0.1
"""How often files that change while they are copied are tried."""

Ask = Callable[..., Any]
"""Calls a method of the owner by its name, with arguments; from a thread, never from an event loop."""


class ClusterGoneError(RefusedError):
    """The owner cannot be asked since the cluster itself does not answer."""

    def __init__(self) -> None:
        refused = out_of_reach()
        super().__init__(refused.status, refused.code, refused.sentence, refused.headers)


def asking(seconds: float = ANSWER_SECONDS) -> Ask:
    """A function that asks the owner of this cluster; `RefusedError` where it does not answer within the seconds."""
    import ray  # noqa: PLC0415
    from ray.exceptions import GetTimeoutError, RayError, RayTaskError  # noqa: PLC0415

    found: list[Any] = []

    def ask(method: str, *arguments: Any) -> Any:
        try:
            if not found:
                found.append(ray.get_actor(OWNER, namespace=NAMESPACE))
            answer = ray.get(found[0].ask.remote(method, *arguments), timeout=seconds)
        except RayTaskError:  # a fault of the program
            raise
        except GetTimeoutError:  # what was asked for may be done later
            raise too_late(seconds) from None
        except ConnectionError:  # of Ray's client, once the head is gone
            raise ClusterGoneError from None
        except (RayError, ValueError, TimeoutError):
            found.clear()  # another one may have its name by now
            raise out_of_reach() from None
        if isinstance(answer, RefusedError):
            raise answer
        return answer

    return ask


class FoldersAtOwner(Folders):
    """Folders that another process has; those of runs and galleries are copied, and galleries copied anew before they are read.

    Args:
        ask: Asks that process, and waits as long as a request may take.
        ask_for_files: Asks it for files, which may take longer.
        below: Where copies are made.
        shows: Whether runs are shown.
        report: Gives what this process says of itself.
    """

    def __init__(self, ask: Ask, ask_for_files: Ask, below: Path, shows: bool, report: Callable[[], Report]) -> None:
        super().__init__(_RunsAtOwner(ask) if shows else None)
        self._ask = ask
        self._ask_for_files = ask_for_files
        self._report = report
        self._below = below
        self.copies: dict[str, Copy] = {}

    def copied(self, name: str) -> Path:
        """The folder of a copy as the files are now; `DataError` where they change all the time, or are gone."""
        return self._copied(name, self._ask_for_files)

    def _copied(self, name: str, ask: Ask) -> Path:
        if name not in self.copies:
            fetch = partial(self._ask_for_files, "content", name)
            self.copies[name] = Copy(self._below / name, fetch)
        for _ in range(TIMES):
            contents = ask("contents", name)
            if contents is None:
                raise DataError(f"The folder of {name} is gone. Start the server again with the folder of a run.")
            if self.copies[name].follow(contents):
                return self.copies[name].folder
            time.sleep(SECONDS_BETWEEN)
        raise DataError(f"The folder of {name} changed while it was copied. Try again when its fit is finished.")

    def renew(self, gallery: Gallery) -> None:
        self._copied(gallery.folder.name, self._ask)

    def keep(self, run: str, uploads: Sequence[Upload], label: str) -> tuple[int, str]:
        count, folder = self._ask("keep", run, list(uploads), label)
        return int(count), str(folder)

    def enroll(self, gallery: Gallery, name: str, images: Sequence[Image.Image]) -> dict[str, Any]:
        return dict(self._ask("enroll", gallery.folder.name, name, list(images)))

    def forget(self, gallery: Gallery, name: str) -> dict[str, Any]:
        return dict(self._ask("forget", gallery.folder.name, name))

    def metrics_text(self, own: Metrics) -> bytes:
        return text_of(self._ask("families", self._report()))


class _RunsAtOwner(ShownRuns):
    """Runs that are shown, read by the owner, who finds out what they cost, too.

    Args:
        ask: Asks it.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def all_runs(self, language: Language) -> dict[str, Any]:
        return dict(self._ask("all_runs", language.code))

    def compared(self, first: str, second: str) -> dict[str, Any]:
        return dict(self._ask("compared", first, second))

    def close(self) -> None: ...
