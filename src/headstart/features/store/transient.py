"""Transient features: kept in memory while they are needed, for pictures that are to leave no trace on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from headstart.features.store.chunks import Arrays, halved


class TransientStore:
    """Features of one network in memory, in the precision that they would have on disk; see `Store`."""

    def __init__(self) -> None:
        self._chunks: list[Arrays] = []
        self._places: dict[str, tuple[int, int]] = {}

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The keys without features, each once, in their order."""
        return [key for key in dict.fromkeys(keys) if key not in self._places]

    def add(self, keys: Sequence[str], arrays: Arrays) -> None:
        """Keep arrays with one row a key."""
        self._places |= {key: (len(self._chunks), row) for row, key in enumerate(keys)}
        self._chunks.append({name: _as_read(np.asarray(array)) for name, array in arrays.items()})

    def gather(self, keys: Sequence[str]) -> Arrays:
        """The rows of those keys, in their order, by array's name."""
        if not len(keys):
            return {}
        places = [self._places[key] for key in keys]
        return {name: np.stack([self._chunks[chunk][name][row] for chunk, row in places]) for name in self._chunks[0]}


def _as_read(array: Any) -> Any:
    """The array as it would be read from disk."""
    return halved(array).astype(np.float32) if array.dtype == np.float32 else array


_STORES: ContextVar[dict[str, TransientStore] | None] = ContextVar("transient_stores", default=None)


@contextmanager
def transient_features() -> Iterator[None]:
    """Inside, features are computed once, kept in memory, and forgotten at the end: the cache is neither read nor written."""
    token = _STORES.set({})
    try:
        yield
    finally:
        _STORES.reset(token)


def transient_store(address: str) -> TransientStore | None:
    """The store of that address inside `transient_features`; None outside."""
    stores = _STORES.get()
    return None if stores is None else stores.setdefault(address, TransientStore())
