"""Verified places: whether the files of a cache, gallery, study, model or bundle are as they were written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from headstart.backbones.engines.graphs import SUFFIX as GRAPH_SUFFIX
from headstart.backbones.engines.graphs import is_sound_graph
from headstart.core.dropping import drop
from headstart.core.errors import HeadstartError
from headstart.core.folders import cache_folder
from headstart.core.progress import progress
from headstart.core.soundness import CHECKS, fault_of
from headstart.gallery.gallery import Gallery
from headstart.methods.model import Model
from headstart.planning.improving.study import Found, Study
from headstart.runs.manifest import SUMS, hash_of_file, sums_in
from headstart.runs.verification import ABSENT_FILE, CHANGED_FILE, Mismatch, VerifiedKind

FILES, STEPS, CONTENT = "files", "finished steps", "content"
DROPPED_FILE = "{name}: is damaged ({fault}). It was deleted, and is made again when it is needed."
REPLACEABLE_FILE = "{name}: is damaged ({fault}). Leave out --no-repair to delete it; it is made again when it is needed."
DAMAGED_FILE = "{name}: is damaged ({fault}). Restore it from a copy, or make it again."
UNREADABLE = "{name}: cannot be read. {reason}"
OUT_OF_REACH = "{name}: cannot be read ({fault}), so nothing tells whether it is sound. Make it readable, and verify again."
STEP = r"[a-z_]+-[0-9a-f]{16}(\.json|/.+\.(safetensors|parquet|npz|json))"
"""Paths of the result of a finished step, and of what lies in its folder, in a folder of steps."""
OF_STEPS = re.compile(STEP)
OF_STUDY = re.compile(f"steps/{STEP}")
OF_CACHE = re.compile(
    "|".join(
        (
            r"features/[^/]+/[0-9a-f]{24}\.safetensors",
            rf"(steps|elsewhere)/[^/]+/{STEP}",
            r"engines/(network|family|speed)-[^/]+\.json",
            r"graphs/[^/]+/[0-9a-f]{16}\.graph",
            r"scan/[0-9a-f]{32}\.npz",
        )
    )
)
"""Paths in a cache of what can be made again. What else lies there may come from elsewhere: copies of data, weights, anything."""


@dataclass(frozen=True)
class PlaceKind:
    """A kind of folder.

    Attributes:
        name: For messages.
        is_there: Whether a folder is of that kind.
        read: Reads all of it as it is read when it is used; raises a `HeadstartError` where it does not fit together.
        replaceable: Matches the paths in it of files that can be made again; None where none can.
        only_replaceable: Whether other files in it need not be headstart's, and are not looked at.
    """

    name: str
    is_there: Callable[[Path], bool]
    read: Callable[[Path], object]
    replaceable: re.Pattern[str] | None = None
    only_replaceable: bool = False


def _read_study(folder: Path) -> None:
    Study.read(folder / "study.json")
    if (folder / "found.json").exists():
        Found.read(folder / "found.json")


def _is_cache(folder: Path) -> bool:
    return folder.is_dir() and folder.resolve() == cache_folder().resolve()


KINDS = (
    PlaceKind(
        "gallery", lambda folder: (folder / "gallery.json").exists(), lambda folder: Gallery.open(folder).class_store.read()
    ),
    PlaceKind("study", lambda folder: (folder / "study.json").exists(), _read_study, OF_STUDY),
    PlaceKind("model", lambda folder: (folder / "model.json").exists(), Model.load),
    PlaceKind("bundle", lambda folder: (folder / "bundle.json").exists(), lambda _: None),
    PlaceKind("cache", _is_cache, lambda _: None, OF_CACHE, only_replaceable=True),
)
"""What can be verified beside runs, in the order in which a folder is taken for it."""


def kind_of(folder: Path) -> PlaceKind | None:
    """The kind of a folder; None where it is none of them."""
    return next((kind for kind in KINDS if kind.is_there(folder)), None)


def verified_place(folder: Path, kind: PlaceKind, *, repair: bool) -> tuple[VerifiedKind, ...]:
    """Each file of a folder, and whether all of them fit together; what is damaged and can be made again is deleted on repair."""
    looked_at = kind.replaceable if kind.only_replaceable else None
    checked = verified_by_checksums(folder, FILES, kind.replaceable, repair=repair, only=looked_at)
    found = [checked, *([verified_sums(folder)] if (folder / SUMS).exists() else [])]
    if any(one.mismatches for one in found):
        return tuple(found)
    try:
        kind.read(folder)
    except HeadstartError as error:
        mismatch = Mismatch(name=str(folder), sentence=UNREADABLE.format(name=folder, reason=error))
        return (*found, VerifiedKind(name=CONTENT, num=1, num_checked=1, mismatches=(mismatch,)))
    return (*found, VerifiedKind(name=CONTENT, num=1, num_checked=1))


def verified_sums(folder: Path) -> VerifiedKind:
    """Each file that `SHA256SUMS` of a bundle names."""

    def found(known: dict[str, str]) -> Iterator[Mismatch]:
        for name, digest in known.items():
            if not (folder / name).is_file():
                yield Mismatch(name=name, sentence=ABSENT_FILE.format(name=name))
            elif hash_of_file(folder / name) != digest:
                yield Mismatch(name=name, sentence=CHANGED_FILE.format(name=name))

    known = sums_in(folder)
    return VerifiedKind(name=SUMS, num=len(known), num_checked=len(known), mismatches=tuple(found(known)))


def verified_by_checksums(
    folder: Path, name: str, replaceable: re.Pattern[str] | None, *, repair: bool, only: re.Pattern[str] | None = None
) -> VerifiedKind:
    """Each file of a folder that can be checked, by its checksum or by reading it.

    Args:
        folder: Of the files.
        name: Of the kind that comes back.
        replaceable: Matches the paths in it of files that can be made again; None where none can.
        repair: Whether such files are deleted where they are damaged.
        only: Matches the paths of the files that are looked at; None stands for all.

    Returns:
        The kind of the verification.
    """
    known = (path for path in sorted(folder.rglob("[!.]*")) if path.suffix in (*CHECKS, GRAPH_SUFFIX) and path.is_file())
    found = [path for path in known if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    paths = [path for path in found if only is None or _matches(only, path, folder)]
    mismatches = []
    with progress(len(paths), "Checking files") as advance:
        for path in paths:
            again = replaceable if replaceable is not None and _matches(replaceable, path, folder) else None
            sentence = _verified(path, folder, again, repair=repair)
            if sentence:
                mismatches.append(Mismatch(name=path.relative_to(folder).as_posix(), sentence=sentence))
            advance(1)
    return VerifiedKind(name=name, num=len(paths), num_checked=len(paths), mismatches=tuple(mismatches))


def _matches(pattern: re.Pattern[str], path: Path, folder: Path) -> bool:
    return pattern.fullmatch(path.relative_to(folder).as_posix()) is not None


def _verified(path: Path, folder: Path, again: re.Pattern[str] | None, *, repair: bool) -> str:
    """What is wrong with a file; empty where nothing is. `again` is given where it can be made again: then it may be deleted."""
    shown = path.relative_to(folder).as_posix()
    try:
        fault = _fault_of(path)
    except OSError as error:
        return OUT_OF_REACH.format(name=shown, fault=error.strerror or error)
    if not fault:
        return ""
    if again is None:
        return DAMAGED_FILE.format(name=shown, fault=fault)
    if not repair:
        return REPLACEABLE_FILE.format(name=shown, fault=fault)
    _drop_with_step(path, folder, fault, again)
    return (DAMAGED_FILE if path.exists() else DROPPED_FILE).format(name=shown, fault=fault)


def _fault_of(path: Path) -> str:
    if path.suffix == GRAPH_SUFFIX:
        return "" if is_sound_graph(path) else "its SHA-256 is not that of its content"
    return fault_of(path)


def _drop_with_step(path: Path, folder: Path, fault: str, again: re.Pattern[str]) -> None:
    """Delete a file, and the result of the step in whose folder it lies, so that the step is made again."""
    for parent in path.relative_to(folder).parents:
        result = folder / parent.parent / f"{parent.name}.json"
        if parent.name and result.is_file() and _matches(again, result, folder):
            with suppress(OSError):  # a file system that is read-only keeps both
                result.unlink()
    drop(path, fault)
