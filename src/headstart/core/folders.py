"""The cache folder and its size limit."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from platformdirs import user_cache_path

from headstart.core.errors import DataError, PlanError

CACHE_BYTES = 20_000_000_000
"""Default limit: features of a hundred thousand pictures by fifteen networks of the size of EfficientNet-Lite0."""

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def cache_folder() -> Path:
    """The cache's root: `HEADSTART_CACHE` if set, else the platform's cache folder."""
    chosen = os.environ.get("HEADSTART_CACHE")
    return Path(chosen) if chosen else user_cache_path("headstart")


def check_inside(name: str) -> None:
    """Refuse a file's path, as it came from another machine, that leads out of the folder that it is for, with a `DataError`."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise DataError(f'The file "{name}" came from another machine and lies outside of its folder. Do not use this place.')


def cache_limit_bytes() -> int:
    """The limit of the cache: `HEADSTART_CACHE_BYTES` if set, as a number or like 5GB, else 20 GB."""
    chosen = os.environ.get("HEADSTART_CACHE_BYTES")
    return bytes_from(chosen, "HEADSTART_CACHE_BYTES") if chosen else CACHE_BYTES


def bytes_from(text: str, where: str) -> int:
    """The number of bytes that a text like 500MB gives; a PlanError that names `where` if it is no size.

    >>> bytes_from("1.5 GB", "--keep")
    1500000000
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE]\d+)?)\s*([kKMGT]?)B?", text.strip())
    if not match:
        raise PlanError(f'{where} = "{text}" is no size. Write a number of bytes, or for example 500MB or 20GB.')
    return round(float(match[1]) * _UNITS[match[2].upper()])
