"""Mirrored chunks: those of one store that lie in the object store, known by their headers and fetched when they are read."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from headstart.core.arrays import check_safetensors
from headstart.core.dropping import drop
from headstart.core.mirror import NUM_THREADS, Mirror
from headstart.core.progress import progress
from headstart.features.store.chunks import HEAD_BYTES, SUFFIX, Chunk, chunk_of, header_bytes, read_chunk


class MirroredChunks:
    """The chunks of one folder of the mirror.

    Args:
        mirror: Where they lie.
        folder: The folder of this machine that they are copied to; its name is that of theirs.

    Attributes:
        names: Those that are known to lie there.
    """

    def __init__(self, mirror: Mirror, folder: Path) -> None:
        self.mirror = mirror
        self.folder = folder
        self.names: set[str] = set()

    def _object(self, name: str) -> str:
        return f"features/{self.folder.name}/{name}"

    def put(self, name: str, content: bytes) -> None:
        """Write a chunk, unless it is known to be there."""
        if name not in self.names:
            self.mirror.put(self._object(name), content)
            self.names.add(name)

    def unknown(self, local: Iterable[str]) -> list[Chunk]:
        """Chunks that others wrote since this was asked before, and that are not here; one that is damaged is left out."""
        found = {name: size for name, size in self.mirror.names(f"features/{self.folder.name}").items() if name.endswith(SUFFIX)}
        fresh = sorted(found.keys() - self.names - set(local))
        self.names |= found.keys() - set(fresh)
        if not fresh:
            return []
        with ThreadPoolExecutor(NUM_THREADS) as pool, progress(len(fresh), "listing features in the store") as advance:
            chunks = []
            for chunk in pool.map(lambda name: self._headed(name, found[name]), fresh):
                chunks += [] if chunk is None else [chunk]
                advance(1)
        self.names |= {chunk.path.name for chunk in chunks}  # and of no other, so that it is written anew
        return chunks

    def _headed(self, name: str, size: int) -> Chunk | None:
        """A chunk by its header; None where it is gone or is none."""
        head = self.mirror.read(self._object(name), min(size, HEAD_BYTES)) if size else None
        try:
            if head is not None and header_bytes(head) > len(head):
                head = self.mirror.read(self._object(name), header_bytes(head))
            return None if head is None else chunk_of(self.folder / name, head, size)
        except ValueError:
            return None

    def fetch(self, names: Iterable[str]) -> int:
        """Copy those that lie there and not here; their number of bytes comes back. One that is gone or damaged is forgotten."""
        absent = [name for name in names if name in self.names and not (self.folder / name).exists()]
        found = self.mirror.fetch_all(map(self._object, absent), self.folder) if absent else []
        sizes = {name: size for name, size in zip(absent, found, strict=True) if size is not None and self._is_whole(name)}
        self.names -= set(absent) - sizes.keys()
        return sum(sizes.values())

    def _is_whole(self, name: str) -> bool:
        """Whether a chunk was copied as it was written; another one is deleted here."""
        try:
            read_chunk(self.folder / name)
            check_safetensors(self.folder / name)
        except ValueError as error:
            drop(self.folder / name, str(error))
            return False
        return True
