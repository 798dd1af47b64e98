"""Archive: a folder as one zip file, whose bytes depend on the files alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file knows; every file gets it."""
UNIX = 3
READABLE = 0o100644 << 16


def write_archive(folder: Path, place: Path | BinaryIO, name: str) -> None:
    """Write all files of a folder as a zip file, below a folder of that name."""
    with ZipFile(place, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            about = ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", FIRST_DAY)
            about.create_system, about.external_attr, about.compress_type = UNIX, READABLE, ZIP_DEFLATED
            about.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(about, "w") as target:
                shutil.copyfileobj(source, target)
