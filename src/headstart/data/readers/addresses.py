"""Addresses of stores: s3://, gs://, hf:// and others, with any of the layouts that are read from disk."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.data.addresses import is_address, with_addresses
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.stores import local_place


class Addresses(Reader):
    """A folder, a manifest, shards or a table in a store that `fsspec` knows: fetched into the cache, and read there.

    Pictures are called by their addresses, so that nothing but the cache tells that they are copies.
    """

    precedence = 110
    summary: ClassVar[str] = "s3://, gs://, hf:// and other addresses of fsspec: any of these layouts in a store"

    def recognizes(self, place: str) -> bool:
        return is_address(place)

    def read(self, place: str) -> RawDataset:
        return self._read(place, needs_labels=True)

    def read_unsorted(self, place: str) -> RawDataset:
        return self._read(place, needs_labels=False)

    def _read(self, place: str, *, needs_labels: bool) -> RawDataset:
        copy = str(local_place(place))
        try:
            reader = self.resolve(copy)
            raw = reader.read(copy) if needs_labels else reader.read_unsorted(copy)
        except DataError as error:
            raise DataError(with_addresses(str(error))) from None
        return replace(raw, findings=tuple(map(_with_addresses, raw.findings)))


def _with_addresses(finding: Finding) -> Finding:
    told = {name: with_addresses(getattr(finding, name)) for name in ("title", "advice", "evidence")}
    return finding.model_copy(update=told)
