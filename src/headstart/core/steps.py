"""Steps: finished work on disk, addressed by its inputs, so that a restart repeats nothing."""

from __future__ import annotations

import errno
import re
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from headstart.core.dropping import cached_record
from headstart.core.durable import sync_tree
from headstart.core.errors import ExportError, TrainingError
from headstart.core.executing import Pending, Work, executor, resolved
from headstart.core.folders import cache_folder
from headstart.core.mirror import fetch_step, send_step
from headstart.core.packing import CACHE, CHECKPOINT, Packed, Request, drop_checkpoints, files_in, made_elsewhere, unpack
from headstart.core.progress import progress
from headstart.core.records import Record, fingerprint_of, write_atomically
from headstart.core.soundness import drops_damaged_step
from headstart.core.stopping import StoppedError, has_to_stop, seconds_until_over
from headstart.core.unfinished import unfinished_folder

R = TypeVar("R", bound=Record)

LOGGED = re.compile(r"[0-9]+\.[0-9]{3}\n")
"""The second half of a complete log line; a full disk may have cut a line off."""

SHARED = frozenset({"evidence", "cost", "fold", "curve"})
"""The longest steps. Another run on the same data reuses them, their measured times included, so that it decides the same."""
MIRRORED = SHARED - {"cost"}
"""Those that an object store is given: costs are of one machine at one time, and machines of one kind may be slowed by others."""
ATTEMPTS = 10
"""So often work elsewhere is asked for again that brought less than was wanted. Chosen, not measured."""
FOR_RESUMING = shutil.ignore_patterns(CACHE, CHECKPOINT, "history.jsonl")
"""Files that only the run that was killed needs."""


class Steps:
    """A folder of results, one JSON file a step: `NAME-FINGERPRINT.json`, next to a folder of the same stem for arrays.

    Args:
        folder: The folder.
        shared: A folder where all runs copy the steps in `SHARED` to, and from; None shares nothing.
    """

    def __init__(self, folder: Path, shared: Path | None = None) -> None:
        self.folder = folder
        self.shared = shared

    def stem(self, name: str, inputs: dict[str, Any]) -> str:
        """The file stem of a step with those inputs."""
        return f"{name}-{fingerprint_of(inputs)}"

    def run(
        self,
        name: str,
        inputs: dict[str, Any],
        kind: type[R],
        make: Callable[[Path], R] | Work[R],
        is_whole: Callable[[R, Path], bool] = lambda _result, _folder: True,
    ) -> R:
        """The step's result: read if it is there, made and written if not.

        Work is made where the executor of the context runs works; its folder comes back, and lies where it would lie otherwise.

        Args:
            name: Name of the step.
            inputs: Everything that the result depends on, as plain JSON values.
            kind: Class of the result.
            make: Makes the result; its argument is a folder for arrays and checkpoints, which remains after a kill. Of work the
                function has it as its first argument.
            is_whole: Whether a result and its folder hold all that is wanted now; the step is made again where they do not.

        Returns:
            The result.
        """
        path = self.folder / f"{self.stem(name, inputs)}.json"
        found = self._found(name, path, kind, is_whole)
        if found is not None:
            return found
        begun = time.perf_counter()
        if isinstance(make, Work) and executor().is_remote:
            result, seconds = self._brought(name, path, kind, make, is_whole)
        else:
            folder = path.with_suffix("")
            result = make.function(folder, *resolved(make.arguments)) if isinstance(make, Work) else make(folder)
            seconds = time.perf_counter() - begun
        write_atomically(path, result.to_json())
        drop_checkpoints(path.with_suffix(""))
        self._log(path.stem, seconds)
        shared = self._shared_path(name, path)
        if shared and executor().is_uniform:
            _copy(path, shared)
            if name in MIRRORED:
                send_step(shared)
        return result

    def has(self, name: str, inputs: dict[str, Any]) -> bool:
        """Whether a result is there, be it whole or not."""
        return (self.folder / f"{self.stem(name, inputs)}.json").exists()

    def found(self, name: str, inputs: dict[str, Any], kind: type[R]) -> tuple[R, Path] | None:
        """The result of a finished step and its folder; None where there is none. A damaged one is dropped."""
        path = self.folder / f"{self.stem(name, inputs)}.json"
        result = self._found(name, path, kind, lambda _result, _folder: True)
        return None if result is None else (result, path.with_suffix(""))

    def begin(
        self,
        name: str,
        inputs: dict[str, Any],
        kind: type[R],
        work: Work[R],
        is_whole: Callable[[R, Path], bool] = lambda _result, _folder: True,
    ) -> None:
        """Begin a step that `run` will probably want, where works run elsewhere, unless it is finished; arguments as there."""
        path = self.folder / f"{self.stem(name, inputs)}.json"
        if executor().is_remote and path.stem not in executor().started and self._found(name, path, kind, is_whole) is None:
            executor().started[path.stem] = self._submitted(name, path, work)

    def drop(self, name: str, inputs: dict[str, Any]) -> None:
        """Cancel a step that was begun and is not wanted any more."""
        pending = executor().started.pop(self.stem(name, inputs), None)
        if pending is not None:
            pending.cancel()

    def _found(self, name: str, path: Path, kind: type[R], is_whole: Callable[[R, Path], bool]) -> R | None:
        """The result, which may be copied from the shared folder; None where neither has it whole."""

        def found_in(place: Path) -> R | None:
            result = cached_record(place, kind)
            if result is None or drops_damaged_step(place):
                return None
            return result if is_whole(result, place.with_suffix("")) else None

        found, shared = found_in(path), self._shared_path(name, path)
        if found is None and shared and name in MIRRORED and found_in(shared) is None:
            fetch_step(shared)
        if found is None and shared and found_in(shared) is not None:
            _copy(shared, path)
            found = found_in(path)
        return found

    def _shared_path(self, name: str, path: Path) -> Path | None:
        return self.shared / path.name if self.shared and name in SHARED else None

    @staticmethod
    def _submitted(name: str, path: Path, work: Work[R], *, anew: bool = False) -> Pending[Packed]:
        left = seconds_until_over()
        until = None if left is None else time.time() + left
        request = Request(path.stem, executor().identity, until, files_in(path.with_suffix("")), anew)
        ends_itself = until is not None
        arguments = (request, work.function, *work.arguments)
        return executor().submit(Work(made_elsewhere, arguments, work.name, work.resources, name, ends_itself))

    def _brought(
        self, name: str, path: Path, kind: type[R], work: Work[R], is_whole: Callable[[R, Path], bool]
    ) -> tuple[R, float]:
        """The result of work that runs elsewhere, with its seconds there; its files lie in the step's folder then.

        It is asked for again where it was begun for less than is wanted now, or where time ended it that there is again.
        """
        pending = executor().started.pop(path.stem, None) or self._submitted(name, path, work)
        for _ in range(ATTEMPTS):
            with progress(executor().num_begun, "works on the cluster") as advance:
                packed: Packed = pending.result(advance)
            try:
                unpack(packed, path.with_suffix(""))
            except StoppedError:
                if has_to_stop():
                    raise
                pending = self._submitted(name, path, work)
                continue
            result = kind.from_json(packed.result, path.name)
            if is_whole(result, path.with_suffix("")):
                return result, packed.seconds
            pending = self._submitted(name, path, work, anew=True)
        raise TrainingError(
            f"{work.name} came back from the cluster incomplete {ATTEMPTS} times. Run the command without --cluster."
        )

    def forget(self, names: Iterable[str], inputs: dict[str, Any]) -> None:
        """Delete the results of steps with those inputs, so that they are made again; checkpoints and folders stay."""
        for name in names:
            (self.folder / f"{self.stem(name, inputs)}.json").unlink(missing_ok=True)

    def logged(self) -> list[tuple[str, float]]:
        """Name and seconds of every finished step that was made here, in the order in which they ended."""
        log = self.folder / "log.tsv"
        found = []
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) if log.exists() else []:
            stem, _, seconds = line.partition("\t")
            if LOGGED.fullmatch(seconds):
                found.append((stem.rsplit("-", 1)[0], float(seconds)))
        return found

    def seconds(self) -> dict[str, float]:
        """Seconds spent by step name, over all finished steps of that name."""
        spent: dict[str, float] = {}
        for name, seconds in self.logged():
            spent[name] = spent.get(name, 0.0) + seconds
        return spent

    def _log(self, stem: str, seconds: float) -> None:
        with (self.folder / "log.tsv").open("a", encoding="utf-8") as stream:
            stream.write(f"{stem}\t{seconds:.3f}\n")


def _copy(path: Path, target: Path) -> None:
    """Copy a step, its folder first, so that it is complete where the file exists; copies in the cache are not durable."""
    folder, durable = path.with_suffix(""), cache_folder() not in target.parents
    try:
        if folder.is_dir():
            with unfinished_folder(target) as partial:
                whole = Path(shutil.copytree(folder, partial / "whole", ignore=FOR_RESUMING))
                if durable:
                    sync_tree(whole)
                shutil.rmtree(target.with_suffix(""), ignore_errors=True)  # an incomplete copy of a killed run
                try:
                    whole.rename(target.with_suffix(""))
                except OSError as error:
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # else another process was faster, with the same
                        raise
    except OSError as error:
        raise ExportError(
            f"{target.parent}: cannot be written ({error.strerror or error}). Free the disk, or move the cache."
        ) from error
    write_atomically(target, path.read_text(encoding="utf-8"), durable=durable)
