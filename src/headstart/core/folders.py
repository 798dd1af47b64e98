"""Where headstart keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """The cache's root: `HEADSTART_CACHE` if set, else the platform's cache folder."""
    chosen = os.environ.get("HEADSTART_CACHE")
    return Path(chosen) if chosen else user_cache_path("headstart")
