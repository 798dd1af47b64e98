"""Where the pictures lie that a manifest names without their folder or their ending."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from headstart.core.findings import Finding
from headstart.data.decoding import IMAGE_SUFFIXES

MOST_TRIED = 50
"""Rows by which the place of all is found."""


class Located(NamedTuple):
    """Where pictures lie: a folder, and what their names lack at the end; but for those that are known to lie elsewhere."""

    folder: Path
    ending: str
    elsewhere: Mapping[str, Path]

    def path(self, name: str) -> Path:
        """The picture of that name."""
        return self.elsewhere.get(name) or Path(os.path.normpath(self.folder / f"{name}{self.ending}"))

    def has(self, name: str) -> bool:
        """Whether it is there; a name that no file can have is of none."""
        return os.path.exists(self.path(name))  # noqa: PTH110  never raises, as Path.exists may


def located(manifest: Path, names: Sequence[str], elsewhere: Mapping[str, Path]) -> tuple[Located, tuple[Finding, ...]]:
    """Where the pictures of a manifest lie, and a finding where that is not where it says.

    It is the manifest's folder, and the names are whole, wherever one of them exists so. Otherwise the folders beside the
    manifest are tried, and the usual endings: many tables name pictures by a number, and keep them in `images` or `train`.
    `elsewhere` has the paths of the pictures whose names are addresses.
    """
    folder = manifest.parent
    as_written, tried = Located(folder, "", elsewhere), names[:MOST_TRIED]
    if any(as_written.has(name) for name in tried):
        return as_written, ()
    beside = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    choices = [Located(place, ending, elsewhere) for place in (folder, *beside) for ending in ("", *sorted(IMAGE_SUFFIXES))]
    counts = [sum(choice.has(name) for name in tried) for choice in choices]
    if not max(counts):
        return as_written, ()
    best = choices[counts.index(max(counts))]
    where = f"in {best.folder.name}/" if best.folder != folder else "beside it"
    ending = f' with "{best.ending}" after their names' if best.ending else ""
    title = f"The pictures that {manifest.name} names are found {where}{ending}."
    advice = "Nothing needs doing, if these are the pictures that are meant."
    return best, (Finding.info("pictures-located", title, advice, folder=str(best.folder), ending=best.ending),)
