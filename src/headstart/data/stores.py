"""Files in stores, such as s3://bucket/flowers: listed and fetched through `fsspec`, and kept as copies in the cache.

A copy counts as long as the store tells the same size and time of change, or the same other mark of its content.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from headstart.core.errors import DataError
from headstart.core.object_stores import check_readable, is_in_store, no_room, opened, reaching
from headstart.core.progress import progress, status
from headstart.core.unfinished import taking_place
from headstart.data.addresses import copies, copy_of, is_address, shown_name
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.shard_files import expanded

NUM_THREADS = 16
"""Files that are fetched at a time. Chosen, not measured: most of the time of a small file is waiting for the store."""
TABLES = frozenset({".csv", ".tsv", ".parquet", ".arrow", ".tar", ".npz", ".gz", ".tgz"})
"""Endings of what is fetched from a folder beside pictures."""
MARKS = ("ETag", "etag", "blob_id", "md5Hash", "content_md5", "checksum", "crc32c", "sha256", "generation")
TIMES = ("LastModified", "last_modified", "mtime", "updated", "created", "modified")
"""What stores tell of a file's content and its time of change, by the names that `fsspec` passes on."""
USED = "used"
"""A file in the folder of copies whose time of change is that of their last use."""


class _Remote(NamedTuple):
    """A file in a store."""

    name: str
    address: str
    copy: Path
    size_bytes: int | None
    changed_ns: int


def local_place(address: str) -> Path:
    """The copy of a file, of a folder with all below it, or of the shards of a pattern, fetched where it is missing or changed.

    Of a folder, pictures, tables, shards and archives are fetched. `DataError` where the address cannot be used, reached or read.
    """
    check_readable(address)
    addresses = expanded(address)
    if len(addresses) > 1:
        local_files(addresses)
        return _copy(address)
    fs, root = opened(address)
    if not is_in_store(fs):
        return Path(root)
    with status(f"Listing {address}"), reaching(address):
        fs.invalidate_cache()
        listed = fs.find(root, detail=True)
    target, files = _copy(address), []
    for name, info in listed.items():
        inside = name[len(root) :].strip("/")
        if info.get("type") == "directory" or name.endswith("/") or not (inside == "" or _is_wanted(inside)):
            continue
        copy = copy_of(f"{address.rstrip('/')}/{inside}") if inside else target
        if copy is not None:
            files.append(_Remote(name, shown_name(copy), copy, info.get("size"), _changed_ns(info)))
    if not files:
        raise DataError(
            f"{address}: holds no picture, table, shard or archive, or does not exist. Put one folder a class there, a manifest, "
            "or shards."
        )
    _remove_others(target, {file.copy for file in files})
    _fetch(fs, files)
    return target


def local_files(names: Iterable[str]) -> dict[str, Path]:
    """Where the files of those names lie: paths as they are, addresses as copies, fetched where they are missing or changed.

    A file that the store does not have, has no copy: nothing lies at that path.
    """
    paths = {name: Path(name) for name in names}
    by_folder: dict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
    stores = {}
    for name in filter(is_address, paths):
        fs, inside = opened(name)
        stores[id(fs)] = fs
        paths[name] = _copy(name) if is_in_store(fs) else Path(inside)
        if is_in_store(fs):
            by_folder[id(fs), inside.rpartition("/")[0]].append((name, inside))
    for (store, folder), wanted in by_folder.items():
        infos = _listed(stores[store], folder, wanted[0][0])
        found = [(name, inside, infos[inside]) for name, inside in wanted if inside in infos]
        for name, inside in wanted:
            if inside not in infos and paths[name].is_file():
                paths[name].unlink(missing_ok=True)
        _fetch(
            stores[store],
            [_Remote(inside, name, paths[name], info.get("size"), _changed_ns(info)) for name, inside, info in found],
        )
    return paths


def fetch_absent(wanted: Mapping[Path, int]) -> None:
    """Fetch copies of files whose places are known, without listing their folders, where they are absent.

    Each gets the time of change that is given for it, in nanoseconds since 1970; 0 lets it be fetched again where it is listed.
    """

    def fetch(path: Path) -> None:
        fs, inside = opened(shown_name(path))
        _fetch_one(fs, _Remote(inside, shown_name(path), path, None, wanted[path]))

    absent = [path for path in wanted if not path.exists()]
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for _ in pool.map(fetch, absent):
            pass


def local_of(name: str) -> Path:
    """Where one file lies; see `local_files`."""
    return local_files([name])[name]


def fetch_named(table: Path, names: Iterable[str]) -> dict[str, Path]:
    """Where the pictures lie that a table names by addresses, fetched; also those beside it, where it is a copy itself.

    A table of a store names nothing on this machine, and by paths nothing out of its bucket.
    """
    address = shown_name(table)
    folder = address.rpartition("/")[0] if is_address(address) else ""
    wanted = {
        name: name if is_address(name) else _beside(address, name) for name in names if name and (folder or is_address(name))
    }
    if not wanted:
        return {}
    found = local_files(wanted.values())
    if folder:
        for name, one in wanted.items():
            if not found[one].is_relative_to(copies()):
                raise _outside(address, name)
        if not any(found[one].exists() for one in wanted.values()):
            local_place(folder)  # the names may lack their folder, or their ending
    return {name: found[one] for name, one in wanted.items() if is_address(name)}


def _beside(table: str, name: str) -> str:
    """The address of a picture that the table of a store names by a path."""
    protocol, _, inside = table.partition("://")
    bucket = inside.partition("/")[0]
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(inside), name))
    if not joined.startswith(f"{bucket}/"):
        raise _outside(table, name)
    return f"{protocol}://{joined}"


def _outside(table: str, name: str) -> DataError:
    return DataError(
        f'{table}: names the picture "{name}", which lies outside of its bucket. Write paths relative to the table, or whole '
        "addresses of stores."
    )


def _copy(address: str) -> Path:
    copy = copy_of(address)
    if copy is None:
        raise DataError(f'{address}: has a part that is no file name, such as "..". Write the whole address.')
    return copy


def _listed(fs: Any, folder: str, address: str) -> dict[str, dict[str, Any]]:
    """What the store tells of the files of one folder, by their names; nothing where there is no such folder."""
    with reaching(address):
        fs.invalidate_cache()
        try:
            return {info["name"]: info for info in fs.ls(folder, detail=True) if info.get("type") != "directory"}
        except FileNotFoundError:
            return {}


def _is_wanted(inside: str) -> bool:
    hidden = any(part.startswith(".") for part in inside.split("/"))
    return not hidden and posixpath.splitext(inside)[1].lower() in IMAGE_SUFFIXES | TABLES


def _changed_ns(info: dict[str, Any]) -> int:
    """A time of change for the copy: that of the file in whole seconds, with its mark in place of the fraction of a second."""
    moment = next((info[name] for name in TIMES if info.get(name)), None)
    with contextlib.suppress(ValueError, TypeError):
        moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = moment.timestamp() if isinstance(moment, datetime) else moment if isinstance(moment, int | float) else 0
    # Stores tell the time of a file in more ways than one: by listing a folder, and by asking for the file itself.
    mark = repr([int(seconds) or moment, *(info.get(name) for name in MARKS)])
    fraction = int(hashlib.sha256(mark.encode()).hexdigest(), 16) % 10**7
    return int(seconds) * 10**9 + fraction * 100  # file systems of Windows count hundreds of nanoseconds


def _remove_others(target: Path, wanted: set[Path]) -> None:
    """Remove the copies of what the store no longer has."""
    for path in target.rglob("*") if target.is_dir() else ():
        if path.is_file() and path not in wanted and not path.name.startswith("."):
            path.unlink(missing_ok=True)


def _fetch(fs: Any, files: list[_Remote]) -> None:
    """Fetch the files that have no copy, or have changed since."""
    wanted = [file for file in files if not _is_current(file)]
    if wanted:
        with ThreadPoolExecutor(NUM_THREADS) as pool, progress(len(wanted), "Fetching files") as advance:
            for _ in pool.map(partial(_fetch_one, fs), wanted):
                advance(1)
    with contextlib.suppress(OSError):
        copies().mkdir(parents=True, exist_ok=True)
        (copies() / USED).touch()


def _is_current(file: _Remote) -> bool:
    try:
        found = file.copy.stat()
    except OSError:
        return False
    return found.st_mtime_ns == file.changed_ns and file.size_bytes in (None, found.st_size)


def _fetch_one(fs: Any, file: _Remote) -> None:
    """Fetch a file; after a power failure one that is cut off has another size, and is fetched again."""
    with _keeping(file.address), taking_place(file.copy, durable=False) as stream:
        part = Path(stream.name)
        with reaching(file.address):
            fs.get_file(file.name, str(part))
        arrived = part.stat().st_size
        if file.size_bytes is not None and arrived != file.size_bytes:
            raise DataError(
                f"{file.address}: {arrived:,} of its {file.size_bytes:,} bytes arrived. Try again: what is whole is kept."
            )
        os.utime(part, ns=(time.time_ns(), file.changed_ns))


@contextmanager
def _keeping(address: str) -> Iterator[None]:
    """Inside, a cache that cannot be written is a `DataError`."""
    try:
        yield
    except OSError as error:
        raise no_room(address, error) from None
