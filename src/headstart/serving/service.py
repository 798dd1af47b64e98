"""Service: all that is served, and what requests ask of it, whatever carries them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from headstart.attribution.maps.rise import NUM_MASKS
from headstart.backbones.engines.choice import keep_engines
from headstart.core.cores import num_cores
from headstart.core.errors import DataError, PlanError, did_you_mean
from headstart.data.resizing import TORCH_REPAID_AFTER, prepare_resizing
from headstart.gallery import Gallery
from headstart.runs.run_folder import holds_outputs
from headstart.serving.batching import Batcher, Compute
from headstart.serving.bodies import BodyReader
from headstart.serving.corrections import Corrections
from headstart.serving.enrolling import class_name
from headstart.serving.folder_of_runs import FolderOfRuns
from headstart.serving.folders import Folders, OwnFolders, ShownRuns, corrections_folder
from headstart.serving.limits import Limits, Room
from headstart.serving.metrics import Metrics
from headstart.serving.pictures import DecodedImages, DecodedPicture, Unreadable, Upload, decoded
from headstart.serving.refusals import RefusedError, in_time, too_many_comparisons
from headstart.serving.served import Served, ServedGallery, ServedRun
from headstart.serving.served_outputs import ServedOutputs
from headstart.serving.wanted import NOTHING_MORE, Wanted

T = TypeVar("T")
CLOSING_SECONDS = 5.0
"""So long the end waits for a model that is being loaded; what is not answered by then is given up."""
MOST_COMPARISONS = 4
"""Of runs, made and waiting. Chosen, not measured."""
RELOAD_SECONDS = 2.0
"""How often run folders are looked at. Chosen, not measured."""
COST = NUM_MASKS + 1
"""Pictures that reasons for one picture count as."""
NO_PICTURE = "No picture was sent. Send one or more files, or base64 in JSON."


class Service:
    """The models and galleries of a server.

    Args:
        runs: Run folders.
        galleries: Folders of galleries; one that is absent is made, empty.
        limits: What requests may ask.
        corrections: The folder for corrections, one folder a run inside; without it they lie beside each run.
        read_only: Whether nothing can be changed by requests: no corrections, and no classes of galleries.
        examples: Whether training pictures are shown as reasons.
        folder: A folder whose runs are shown and compared; None shows none.
        folders: Of another process, which changes them and shows runs; this process does that itself without one.
    """

    def __init__(
        self,
        runs: Sequence[Path],
        galleries: Sequence[Path] = (),
        limits: Limits | None = None,
        *,
        corrections: Path | None = None,
        read_only: bool = False,
        examples: bool = True,
        folder: Path | None = None,
        folders: Folders | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.read_only = read_only
        self._shows_examples = examples
        self.metrics = Metrics()
        self.bodies = BodyReader(self.limits)
        self.draining = False
        self.num_begun = 0
        self._engine = threading.Lock()
        self._stopped = threading.Event()
        self._decoders = ThreadPoolExecutor(num_cores(), thread_name_prefix="decoding")
        self._comparing = ThreadPoolExecutor(1, thread_name_prefix="comparing")
        self._comparisons: set[Future[dict[str, Any]]] = set()
        self._room = Room(self.limits.max_pixels)
        prepare_resizing(TORCH_REPAID_AFTER)
        _check_names([*runs, *galleries], folder, shows=folders is not None and folders.shown is not None)
        served: list[Served] = [(ServedOutputs if holds_outputs(one) else ServedRun)(one, self._batcher) for one in runs]
        served += [ServedGallery(_gallery_in(folder), self._batcher) for folder in galleries]
        self.served = {one.name: one for one in served}
        self.folders = _own_folders(served, corrections, folder) if folders is None else folders
        self._keep_engines()
        # A thread of BLAS that waits for more spins for some 30 ms and takes a core from the engine: with two cores a call with 8
        # pictures took 14 ms of processor time a picture, and 4 with one thread (`python -m benchmarks.serving`).
        self._blas = threadpool_limits(1, "blas")
        self.metrics.watch(lambda: {name: one.batcher.waiting for name, one in self.served.items()})
        self._watcher = threading.Thread(target=self._watch, name="watching run folders", daemon=True)
        self._watcher.start()

    def _batcher(self, name: str) -> Batcher:
        return Batcher(name, self.limits, self._engine, self.metrics.batches.labels(name).observe)

    def _keep_engines(self) -> None:
        """Keep an engine for each network, and for those that are loaded while the old ones still answer."""
        keep_engines(2 * sum(one.num_engines for one in self.served.values()))

    def _watch(self) -> None:
        self._prepare_examples()
        while not self._stopped.wait(RELOAD_SECONDS):
            self.reload()

    def reload(self) -> None:
        """Load what run folders hold anew."""
        for one in self.served.values():
            outcome = one.reload() if isinstance(one, ServedRun) else None
            if outcome is not None:
                self.metrics.loads.labels(one.name, outcome).inc()
                self._keep_engines()
        self._prepare_examples()

    def _prepare_examples(self) -> None:
        for one in self.served.values() if self._shows_examples else ():
            if isinstance(one, ServedRun):
                one.prepare_examples()

    @property
    def fault(self) -> str | None:
        """Why no request can be answered now; None where it can."""
        if self.draining:
            return "The server is stopping."
        stopped = [name for name, one in self.served.items() if not one.batcher.works]
        return f"{', '.join(stopped)} cannot answer. Start the server again." if stopped else None

    def named(self, name: str | None) -> Served:
        """What is served under a name, or first without one."""
        if not self.served:
            raise RefusedError(404, "no-model", "This server shows runs and serves no model. Start it with the folder of a run.")
        if name is None:
            return next(iter(self.served.values()))
        if name not in self.served:
            listed = ", ".join(self.served)
            raise RefusedError(404, "no-model", f'"{name}" is not served.{did_you_mean(name, self.served)} There are: {listed}.')
        return self.served[name]

    def run(self, name: str | None) -> ServedRun:
        """The run of a name."""
        found = self.named(name)
        if not isinstance(found, ServedRun):
            what = "is a gallery" if isinstance(found, ServedGallery) else "predicts several labels or numbers"
            raise RefusedError(409, "no-run", f'"{found.name}" {what}. Name a run of classes.')
        return found

    def check_writable(self) -> None:
        """Refuse what would change something where nothing may be changed."""
        if self.read_only:
            raise RefusedError(403, "read-only", "This server was started with --read-only: nothing can be changed.")

    def gallery(self, name: str) -> ServedGallery:
        """The gallery of a name."""
        found = self.named(name)
        if not isinstance(found, ServedGallery):
            raise RefusedError(409, "no-gallery", f'"{name}" is a run, whose classes are fixed. Enroll into a gallery.')
        return found

    async def predict(self, uploads: Sequence[Upload], name: str | None = None, wanted: Wanted = NOTHING_MORE) -> dict[str, Any]:
        """What the model of that name, or the first one, says about each picture, in their order.

        A picture that cannot be read has a row with the error; where none can be read the request is refused.
        """
        served, deadline = self.named(name), self._deadline
        with served.batcher.admitted(len(uploads)):
            await self._renewed(deadline, served)
            compute, version, sides = served.answering(wanted)
            pictures = await self._decoded(uploads, sides, deadline)
            rows = await self._answered(served.batcher, compute, pictures, deadline)
        self.metrics.note_rows(served.name, rows)
        return {"model": served.name, "version": version, "predictions": rows}

    async def _renewed(self, deadline: float, *served: Served) -> None:
        """Have the classes that galleries hold now, whoever enrolled them."""
        async with in_time(deadline, self.limits.deadline_seconds):
            for one in served:
                if isinstance(one, ServedGallery):
                    await asyncio.to_thread(self.folders.renew, one.gallery)

    async def cards(self) -> list[dict[str, Any]]:
        """The card of everything that is served, the default first."""
        await self._renewed(self._deadline, *self.served.values())
        return [one.card() for one in self.served.values()]

    async def metrics_text(self) -> bytes:
        """The metrics of all processes that answer for this server, in Prometheus's text format."""
        return await asyncio.to_thread(self.folders.metrics_text, self.metrics)

    @property
    def _deadline(self) -> float:
        """Of a request that begins now, on the clock of `time.monotonic`."""
        return time.monotonic() + self.limits.deadline_seconds

    async def _decoded(
        self, uploads: Sequence[Upload], sides: tuple[int, ...], deadline: float
    ) -> list[DecodedPicture | Unreadable]:
        """The pictures, decoded by threads; where time is over, those that were not begun are not decoded any more."""
        if not uploads:
            raise RefusedError(422, "no-picture-sent", NO_PICTURE)
        async with in_time(deadline, self.limits.deadline_seconds):
            tasks = (self._threaded(partial(decoded, one, sides, self._room)) for one in uploads)
            return list(await asyncio.gather(*tasks))

    async def _threaded(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._decoders, work)

    async def _answered(
        self, batcher: Batcher, compute: Compute, pictures: Sequence[DecodedPicture | Unreadable], deadline: float
    ) -> list[dict[str, Any]]:
        readable = [one for one in pictures if isinstance(one, DecodedPicture)]
        if not readable:
            raise _unreadable([one for one in pictures if isinstance(one, Unreadable)])
        answers = iter(await batcher.rows(compute, readable, deadline))
        return [next(answers) if isinstance(one, DecodedPicture) else _error_row(one) for one in pictures]

    async def explain(self, uploads: Sequence[Upload], name: str | None) -> dict[str, Any]:
        """Where in one picture a model looked, and which training pictures are most like it."""
        served, deadline = self.run(name), self._deadline
        if len(uploads) != 1:
            raise RefusedError(
                422, "not-one-picture", f"Reasons are given for one picture at a time, and {len(uploads)} were sent."
            )
        with served.batcher.admitted(min(COST, self.limits.queue_pictures)):
            compute = served.explaining()
            pictures = await self._decoded(uploads, compute.version.sides, deadline)
            rows = await self._answered(served.batcher, compute, pictures, deadline)
        return {"model": served.name, "version": compute.version.identity, **rows[0]}

    async def correct(self, uploads: Sequence[Upload], name: str | None, label: str) -> dict[str, Any]:
        """Keep pictures under the class that a user chose, in a folder that `headstart extend` reads."""
        self.check_writable()
        served, label, deadline = self.run(name), class_name(label), self._deadline
        if not uploads:
            raise RefusedError(422, "no-picture-sent", NO_PICTURE)
        with served.batcher.admitted(len(uploads)):
            pictures = await self._decoded(uploads, served.sides, deadline)
            unreadable = [one for one in pictures if isinstance(one, Unreadable)]
            if unreadable:
                raise _unreadable(unreadable)
            async with in_time(deadline, self.limits.deadline_seconds):
                count, folder = await self._threaded(partial(self.folders.keep, served.name, uploads, label))
        is_new = label not in served.current.model.classes
        return {
            "model": served.name,
            "label": label,
            "new_class": is_new,
            "num_corrections": count,
            "folder": folder,
        }

    async def enroll(self, gallery: str, name: str, uploads: Sequence[Upload]) -> dict[str, Any]:
        """Add a class to a gallery; pictures that cannot be read are left out and named."""
        self.check_writable()
        served, deadline = self.gallery(gallery), self._deadline
        with served.batcher.admitted(len(uploads)):
            found = await self._decoded(uploads, served.sides, deadline)
            readable = DecodedImages(tuple(one for one in found if isinstance(one, DecodedPicture)))
            left_out = [one for one in found if isinstance(one, Unreadable)]
            if not readable.pictures:
                raise _unreadable(left_out)
            images = [readable.read(row) for row in range(len(readable))]
            made = await self._alone(served, lambda: self.folders.enroll(served.gallery, name, images), deadline)
        return {"gallery": served.name, **made, "left_out": [_error_row(one) for one in left_out]}

    async def forget(self, gallery: str, name: str) -> dict[str, Any]:
        """Remove a class of a gallery."""
        self.check_writable()
        served = self.gallery(gallery)
        made = await self._alone(served, lambda: self.folders.forget(served.gallery, name), self._deadline)
        return {"gallery": served.name, **made}

    async def compare(self, first: str, second: str) -> dict[str, Any]:
        """One run of the folder that is shown against another; comparisons take seconds, and are made one after the other."""
        if len(self._comparisons) >= MOST_COMPARISONS:
            raise too_many_comparisons(len(self._comparisons))
        made = self._comparing.submit(self.shown_folder.compared, first, second)
        self._comparisons.add(made)
        made.add_done_callback(self._comparisons.discard)
        async with in_time(self._deadline, self.limits.deadline_seconds):
            return await asyncio.wrap_future(made)

    @property
    def folder(self) -> ShownRuns | None:
        """The runs that are shown; None where none are."""
        return self.folders.shown

    @property
    def shown_folder(self) -> ShownRuns:
        """The folder whose runs are shown."""
        if self.folder is None:
            raise RefusedError(404, "no-folder", "This server shows no runs. Start it with --show-runs and a folder of runs.")
        return self.folder

    async def _alone(self, served: Served, work: Callable[[], dict[str, Any]], deadline: float) -> dict[str, Any]:
        """The result of some work, done by the thread of the model between two batches."""
        return (await served.batcher.rows(lambda pictures: [work()], [_NOTHING], deadline))[0]

    def close(self) -> None:
        """Answer what waits, and end all threads."""
        self.draining = True
        self._stopped.set()
        self._watcher.join(CLOSING_SECONDS)
        for one in self.served.values():
            one.batcher.close()
        self._decoders.shutdown()
        self._comparing.shutdown(cancel_futures=True)
        if self.folder is not None:
            self.folder.close()
        self._blas.restore_original_limits()


_NOTHING = DecodedPicture("", "", {})
"""Stands for the picture of work that has none."""


def _check_names(folders: Sequence[Path], shown: Path | None, shows: bool) -> None:
    if not folders and shown is None and not shows:
        raise PlanError("Nothing to serve. Name a run's folder, or a gallery with --gallery.")
    if shown is not None and not shown.is_dir():
        raise DataError(f"{shown} is not a folder. Give the folder that contains the runs to --show-runs.")
    twice = [name for name, count in Counter(folder.resolve().name for folder in folders).items() if count > 1]
    if twice:
        raise PlanError(f"Two folders are named {twice[0]}, and requests name a model by its folder. Rename one.")


def _own_folders(served: Sequence[Served], corrections: Path | None, shown: Path | None) -> OwnFolders:
    runs = [one for one in served if isinstance(one, ServedRun)]
    kept_in = {one.name: Corrections(corrections_folder(one.folder, corrections)) for one in runs}
    return OwnFolders(kept_in, None if shown is None else FolderOfRuns(shown))


def _gallery_in(folder: Path) -> Gallery:
    """The gallery in a folder, which is made where there is none; `DataError` where a class of it is damaged."""
    gallery = Gallery.open(folder) if (folder / "gallery.json").exists() else Gallery.create(folder)
    gallery.classes()
    return gallery


def _error_row(one: Unreadable) -> dict[str, Any]:
    return {"path": one.name, "error": one.sentence}


def _unreadable(several: Sequence[Unreadable]) -> RefusedError:
    """The refusal of a request of which no picture can be read: why the first one cannot."""
    first = several[0]
    return RefusedError(first.status, first.code, first.sentence, rows=[_error_row(one) for one in several])
