"""Verified places: whether the files of a cache, gallery, study, model or bundle are as they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
OF_CACHE = ("features", "steps", "graphs", "scan", "engines")
"""Folders of which a cache has at least one. All that lies in a cache can be made again."""


@dataclass(frozen=True)
class PlaceKind:
    """A kind of folder.

    Attributes:
        name: For messages.
        is_there: Whether a folder is of that kind.
        read: Reads all of it as it is read when it is used; raises a `HeadstartError` where it does not fit together.
        replaceable: Folders in it whose files can be made again; "" stands for all.
    """

    name: str
    is_there: Callable[[Path], bool]
    read: Callable[[Path], object]
    replaceable: tuple[str, ...] = ()


def _read_study(folder: Path) -> None:
    Study.read(folder / "study.json")
    if (folder / "found.json").exists():
        Found.read(folder / "found.json")


def _is_cache(folder: Path) -> bool:
    return folder.resolve() == cache_folder().resolve() or any((folder / name).is_dir() for name in OF_CACHE)


KINDS = (
    PlaceKind(
        "gallery", lambda folder: (folder / "gallery.json").exists(), lambda folder: Gallery.open(folder).class_store.read()
    ),
    PlaceKind("study", lambda folder: (folder / "study.json").exists(), _read_study, ("steps",)),
    PlaceKind("model", lambda folder: (folder / "model.json").exists(), Model.load),
    PlaceKind("bundle", lambda folder: (folder / "bundle.json").exists(), lambda _: None),
    PlaceKind("cache", _is_cache, lambda _: None, ("",)),
)
"""What can be verified beside runs, in the order in which a folder is taken for it."""


def kind_of(folder: Path) -> PlaceKind | None:
    """The kind of a folder; None where it is none of them."""
    return next((kind for kind in KINDS if kind.is_there(folder)), None)


def verified_place(folder: Path, kind: PlaceKind, *, repair: bool) -> tuple[VerifiedKind, ...]:
    """Each file of a folder, and whether all of them fit together; what is damaged and can be made again is deleted on repair."""
    checked = verified_by_checksums(folder, FILES, kind.replaceable, repair=repair)
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


def verified_by_checksums(folder: Path, name: str, replaceable: Iterable[str], *, repair: bool) -> VerifiedKind:
    """Each file of a folder that can be checked, by its checksum or by reading it.

    Args:
        folder: Of the files.
        name: Of the kind that comes back.
        replaceable: Folders in it whose files can be made again; "" stands for all.
        repair: Whether such files are deleted where they are damaged.

    Returns:
        The kind of the verification.
    """
    roots = [folder / one for one in replaceable]
    paths = [path for path in sorted(folder.rglob("[!.]*")) if path.suffix in (*CHECKS, GRAPH_SUFFIX) and path.is_file()]
    mismatches = []
    with progress(len(paths), "Checking files") as advance:
        for path in paths:
            fault = _fault_of(path)
            if fault:
                again = any(path.is_relative_to(root) for root in roots)
                template = (DROPPED_FILE if repair else REPLACEABLE_FILE) if again else DAMAGED_FILE
                shown = path.relative_to(folder).as_posix()
                mismatches.append(Mismatch(name=shown, sentence=template.format(name=shown, fault=fault)))
                if again and repair:
                    _drop_with_step(path, folder, fault)
            advance(1)
    return VerifiedKind(name=name, num=len(paths), num_checked=len(paths), mismatches=tuple(mismatches))


def _fault_of(path: Path) -> str:
    if path.suffix == GRAPH_SUFFIX:
        return "" if is_sound_graph(path) else "its SHA-256 is not that of its content"
    return fault_of(path)


def _drop_with_step(path: Path, folder: Path, fault: str) -> None:
    """Delete a file, and the result of the step in whose folder it lies, so that the step is made again."""
    for parent in path.relative_to(folder).parents:
        result = (folder / parent).with_suffix(".json")
        if parent.name and result.is_file():
            result.unlink()
    drop(path, fault)
