"""Damaged parts: files of a run that is made again which are not as they were written, and are made again from its steps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from headstart.core.dropping import cached_record, drop
from headstart.core.errors import DamagedError
from headstart.core.parsing import json_in
from headstart.core.soundness import fault_of
from headstart.runs.manifest import IMAGES, Manifest, hash_of_file
from headstart.runs.run import ENVIRONMENT, FILES, POOL_PREDICTIONS, REQUEST, RESULT, TEST_PREDICTIONS, Run, file_of

OF_OTHERS = ("Adjustment", "ClusterUse", "Extension", "Lineage", "Manifest", "Stress")
"""Records that other commands than `run` and `fit` add to a run, or that are made at its end."""
MADE_AGAIN = (
    *(file for place, file in FILES.items() if place.rpartition(".")[2] not in OF_OTHERS),
    *(ENVIRONMENT, TEST_PREDICTIONS, POOL_PREDICTIONS, RESULT, IMAGES),
)
"""What `run` and `fit` write themselves, and make again."""
OF_ANOTHER = "it is not the file that the run wrote"


def drop_damaged_parts(folder: Path, names: Iterable[str] = MADE_AGAIN) -> bool:
    """Delete what is damaged of a run that its command makes again; whether anything was, or is gone.

    A file that is sound and another one than the manifest knows is damaged, too; folders in the place of files stay.

    Args:
        folder: Of the run.
        names: Of the files that may be deleted.

    Returns:
        Whether the run has to be made again.

    Raises:
        OSError: A file cannot be read, which says nothing about it.
    """
    path = folder / file_of(Manifest)
    there = path.exists()
    manifest = cached_record(path, Manifest)
    known = {} if manifest is None else manifest.files
    faults = {name: _fault_in(folder / name, known.get(name)) for name in names}
    for name, fault in faults.items():
        if fault and (folder / name).is_file():
            drop(folder / name, fault)
    return any(faults.values()) or (there and manifest is None)


def _fault_in(path: Path, known: str | None) -> str:
    if not path.is_file():
        return OF_ANOTHER if known is not None or path.is_symlink() else ""
    if known is None:
        return fault_of(path)
    return "" if hash_of_file(path) == known else fault_of(path) or OF_ANOTHER


def request_in(run: Run, written: str) -> Any:
    """The request in the folder of a run, None where there is none; one that is damaged counts as none where it was `written` so.

    That the manifest knows; in a run without a model nothing is lost whoever made it. A `DamagedError` where it was another one.
    """
    path = run.folder / REQUEST
    try:
        return json_in(path) if path.exists() else None
    except DamagedError as error:
        manifest = run.manifest
        same = manifest is not None and manifest.files.get(REQUEST) == hashlib.sha256(written.encode()).hexdigest()
        if run.finished and not same:
            raise
        drop(path, error.reason)
        return None
