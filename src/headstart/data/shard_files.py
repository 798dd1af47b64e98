"""Which files of a place are the shards of one data set, and of which split each is."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path

from headstart.core.errors import DataError
from headstart.core.parsing import json_by_others, text_in
from headstart.data.class_names import canonical
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.manifest_files import named_manifests
from headstart.data.split_names import SPLIT_NAMES

RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST_SHARDS = 100_000
STATE = "state.json"
"""The file that Hugging Face's `datasets` writes beside the Arrow files of a set, with their names."""
WORK_FILES = re.compile(r"(cache-.*\.arrow|tmp.*)", re.IGNORECASE)
"""What `datasets` leaves beside them: results of `map`, `filter` and `shuffle`, and files that are being written."""
DEEPEST = 3
"""Folders below a place that are looked into: Hugging Face keeps shards in CONFIG/SPLIT/ at most."""


def expanded(place: str) -> list[str]:
    """The names that a pattern of shards stands for; the place itself where it is none. `DataError` where they are too many.

    >>> expanded("s-{08..10}.tar")
    ['s-08.tar', 's-09.tar', 's-10.tar']
    """
    ranges = [(match[0], int(match[1]), int(match[2])) for match in RANGE.finditer(place)]
    for text, first, last in ranges:
        if last < first:
            raise DataError(f"{place}: the range {text} ends before it begins. Correct it.")
    number = math.prod(last - first + 1 for _, first, last in ranges)
    if number > MOST_SHARDS:
        raise DataError(f"{place}: stands for {number:,} files, more than the {MOST_SHARDS:,} allowed. Correct it.")
    return _expanded(place)


def _expanded(place: str) -> list[str]:
    found = RANGE.search(place)
    if found is None:
        return [place]
    numbers = range(int(found[1]), int(found[2]) + 1)
    after = _expanded(place[found.end() :])
    return [f"{place[: found.start()]}{number:0{len(found[1])}d}{rest}" for number in numbers for rest in after]


def shards_of(place: str, suffixes: tuple[str, ...], is_shard: Callable[[Path], bool]) -> list[Path]:
    """The shards at a place: a file, the files of a pattern, or those in a folder and below, sorted by name; never raises.

    A folder has shards where the first of its files with such an ending is one, and it holds neither a `manifest` that is none
    of them nor pictures, however deep. Of a set that
    Hugging Face's `datasets` saved, only the files of the set itself are shards, not what the library keeps beside them.
    """
    if os.path.isfile(place):  # noqa: PTH113  never raises, as Path.is_file may
        return [Path(place)] if place.lower().endswith(suffixes) and is_shard(Path(place)) else []
    if RANGE.search(place):
        return [Path(place)] if place.lower().endswith(suffixes) else []
    found = sorted(_below(place, suffixes, DEEPEST) or [])
    if not found or not is_shard(found[0]) or any(one not in found or not is_shard(one) for one in named_manifests(place)):
        return []
    return [] if _has_pictures_below(place) else found


def _below(folder: str, suffixes: tuple[str, ...], depth: int) -> list[Path] | None:
    """The files with those endings in a folder and below; None where pictures lie there."""
    found: list[Path] = []
    folders = []
    try:
        with os.scandir(folder) as listed:
            for entry in listed:
                if entry.name.startswith("."):
                    continue
                if os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:  # noqa: PTH122
                    return None
                if entry.name.lower().endswith(suffixes) and entry.is_file():
                    found.append(Path(entry.path))
                elif depth and entry.is_dir():
                    folders.append(entry.path)
    except (OSError, ValueError):
        return []
    found = _of_set(folder, found)
    for inner in folders:
        more = _below(inner, suffixes, depth - 1)
        if more is None:
            return None
        found += more
    return found


def _has_pictures_below(folder: str) -> bool:
    """Whether a picture lies in a folder or anywhere below."""
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".") for name in names):  # noqa: PTH122
            return True
    return False


def _of_set(folder: str, files: list[Path]) -> list[Path]:
    """The files that belong to a set: those that its state names, if `datasets` saved it, or else all but its work files."""
    try:
        state = json_by_others(text_in(Path(folder, STATE)), STATE) if files else {}
        named = {one["filename"] for one in state["_data_files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return [file for file in files if not WORK_FILES.fullmatch(file.name)]
    return [file for file in files if file.name in named]


def split_of(shard: Path, place: str) -> str:
    """The split, of `SPLITS`, that the name of a shard or of a folder between it and the place tells; empty where none does.

    >>> split_of(Path("set/flowers-train-000.tar"), "set"), split_of(Path("set/test/0.parquet"), "set")
    ('train', 'test')
    """
    inside = shard.relative_to(place) if shard.is_relative_to(place) else Path(shard.name)
    for part in reversed((*inside.parent.parts, inside.stem)):
        named = [SPLIT_NAMES[word] for word in re.split(r"[-_.]", part.casefold()) if word in SPLIT_NAMES]
        if named:
            return named[0] if len(set(named)) == 1 else ""
    return ""


def name_of_set(place: str) -> str:
    """The name of the data set, fit for a folder name: of a folder its own, of shards what their names have in common."""
    path = Path(RANGE.sub("", place))
    if os.path.isdir(place):  # noqa: PTH112
        return canonical(path.resolve().name) or "data"
    return canonical(re.sub(r"[-_.\d]*([-_.](of|data)?\d*)*$", "", path.stem)) or canonical(path.resolve().parent.name) or "data"
