"""Cache: what is remembered between runs, and forgetting it."""

from __future__ import annotations

from typing import Any

from headstart.backbones.engines.chosen import choices
from headstart.core.arguments import checked
from headstart.core.errors import PlanError
from headstart.core.folders import bytes_from, cache_folder, cache_limit_bytes
from headstart.features.store.contents import cache_contents, clear_cache, shrink_cache


@checked
def cache(*, clear: bool = False, keep: str | int | None = None) -> dict[str, Any]:
    """What is remembered of pictures between runs; nothing in it is needed, it only saves time.

    With `clear` all of it is deleted first; with `keep`, bytes or a size such as "5GB", the features used longest ago, until so
    much is left.
    """
    if clear and keep is not None:
        raise PlanError("--clear deletes all of the cache, and --keep leaves some. Choose one of them.")
    freed = clear_cache() if clear else shrink_cache(bytes_from(str(keep), "--keep")) if keep is not None else 0
    entries = [entry.to_dict() for entry in cache_contents()]
    return {
        "folder": str(cache_folder()),
        "limit_bytes": cache_limit_bytes(),
        "size_bytes": sum(entry["size_bytes"] for entry in entries),
        "freed_bytes": freed,
        "entries": entries,
        "engines": [
            {"network": one.network, "engine": one.engine, "promised": one.promised, "reached": one.reached} for one in choices()
        ],
    }
