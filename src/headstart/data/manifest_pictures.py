"""Where the pictures lie that a manifest names without their folder or their ending."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from headstart.core.findings import Finding
from headstart.data.addresses import copy_of, is_address
from headstart.data.decoding import IMAGE_SUFFIXES

MOST_TRIED = 50
"""Rows by which the place of all is found."""


class Located(NamedTuple):
    """Where pictures lie: a folder, and what their names lack at the end."""

    folder: Path
    ending: str

    def path(self, name: str) -> Path:
        """The picture of that name."""
        copy = copy_of(name) if is_address(name) else None
        return copy or Path(os.path.normpath(self.folder / f"{name}{self.ending}"))


def located(manifest: Path, names: Sequence[str]) -> tuple[Located, tuple[Finding, ...]]:
    """Where the pictures of a manifest lie, and a finding where that is not where it says.

    It is the manifest's folder, and the names are whole, wherever one of them exists so. Otherwise the folders beside the
    manifest are tried, and the usual endings: many tables name pictures by a number, and keep them in `images` or `train`.
    """
    folder = manifest.parent
    as_written, tried = Located(folder, ""), names[:MOST_TRIED]
    if any(as_written.path(name).exists() for name in tried):
        return as_written, ()
    beside = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    choices = [Located(place, ending) for place in (folder, *beside) for ending in ("", *sorted(IMAGE_SUFFIXES))]
    counts = [sum(choice.path(name).exists() for name in tried) for choice in choices]
    if not max(counts):
        return as_written, ()
    best = choices[counts.index(max(counts))]
    where = f"in {best.folder.name}/" if best.folder != folder else "beside it"
    ending = f' with "{best.ending}" after their names' if best.ending else ""
    title = f"The pictures that {manifest.name} names are found {where}{ending}."
    advice = "Nothing needs doing, if these are the pictures that are meant."
    return best, (Finding.info("pictures-located", title, advice, folder=str(best.folder), ending=best.ending),)
