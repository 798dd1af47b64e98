"""Files in stores, such as s3://bucket/flowers: listed and fetched through `fsspec`, and kept as copies in the cache.

A copy counts as long as the store tells the same size and time of change, or the same other mark of its content.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import posixpath
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from headstart.core.errors import DataError, HeadstartError, MissingExtraError
from headstart.core.progress import progress, status
from headstart.data.addresses import copies, copy_of, is_address, shown_name
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.shard_files import expanded

NUM_THREADS = 16
"""Files that are fetched at a time. Chosen, not measured: most of the time of a small file is waiting for the store."""
TABLES = frozenset({".csv", ".tsv", ".parquet", ".arrow", ".tar", ".npz", ".gz", ".tgz"})
"""Endings of what is fetched from a folder beside pictures."""
LOCAL = ("file", "local")
"""Protocols of addresses that are paths of this machine."""
WEB = ("http", "https")
"""Protocols whose servers list no folders, and tell of few files when they changed."""
PASSWORD = re.compile(r"[^/]*:(?!\d+(?:/|$)).*@.*", re.DOTALL)
"""What stands after the protocol of an address with a password, as in user:password@host; a port is none."""
KEY = re.compile(r"[?&][^=&]*(?:sig|token|secret|passw|credential|key)[^=&]*=", re.IGNORECASE)
"""A part of an address that lets whoever has it in, as signed addresses have them."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors of the system that free space, or another folder, mends."""
MARKS = ("ETag", "etag", "blob_id", "md5Hash", "content_md5", "checksum", "crc32c", "sha256", "generation")
TIMES = ("LastModified", "last_modified", "mtime", "updated", "created", "modified")
"""What stores tell of a file's content and its time of change, by the names that `fsspec` passes on."""
REFUSED = (
    "NoCredentials",
    "Forbidden",
    "Unauthorized",
    "AccessDenied",
    "InvalidAccessKey",
    "SignatureDoesNotMatch",
    "credentials",
)
"""Words in the names and texts of errors by which clients say that access is refused."""
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
    _check_readable(address)
    addresses = expanded(address)
    if len(addresses) > 1:
        local_files(addresses)
        return _copy(address)
    fs, root = _opened(address)
    if not _is_in_store(fs):
        return Path(root)
    with status(f"Listing {address}"), _reaching(address):
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
        fs, inside = _opened(name)
        stores[id(fs)] = fs
        paths[name] = _copy(name) if _is_in_store(fs) else Path(inside)
        if _is_in_store(fs):
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


def _check_readable(address: str) -> None:
    """Refuse an address that would show or keep a password, without showing it, and an address of the web."""
    protocol, _, inside = address.partition("://")
    has_password, first = PASSWORD.fullmatch(inside), re.split(r"[/?]", inside)[0]
    host = re.split(r"[/?]", (inside if has_password and "@" not in first else first).rpartition("@")[2])[0]
    if has_password or KEY.search(inside):
        raise DataError(
            f"{protocol}://{host}: this address holds a password or a key, which names and reports would show. Leave it out, "
            "and set it where the store's own tools look for it, such as ~/.netrc or a variable of the environment."
        )
    if protocol.lower() in WEB:
        raise DataError(
            f"{protocol}://{host}: addresses of the web are not read, as most of its servers neither list files nor tell when "
            "they changed. Download the data, and give its folder."
        )


def _opened(address: str) -> tuple[Any, str]:
    """The file system of an address, and the name that it has there."""
    _check_readable(address)
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError(
            f"{address}: addresses of stores need fsspec, which is not installed. Install it with: pip install headstart[remote]."
        ) from None
    protocol = address.partition("://")[0]
    if "::" in address:
        raise DataError(f"{address}: is a chain of addresses. Give the address of the data itself, unpacked.")
    try:
        with _reaching(address, (ImportError, ValueError)):
            fs, name = url_to_fs(address)
    except HeadstartError:
        raise
    except ImportError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise MissingExtraError(
            f"{address}: {protocol}:// needs a package that is not installed ({reason}). Install it, or: pip install "
            "headstart[remote], which has those of s3:// and gs://."
        ) from None
    except ValueError as error:
        if "not known" not in str(error):
            raise DataError(f"{address}: is no address that can be used ({error}). Correct it.") from None
        raise DataError(
            f"{address}: {protocol}:// is no store that is known. Use s3://, gs://, hf:// or another one of fsspec."
        ) from None
    return fs, str(name).rstrip("/") or str(name)


def _is_in_store(fs: Any) -> bool:
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    return not any(protocol in LOCAL for protocol in protocols)


def _copy(address: str) -> Path:
    copy = copy_of(address)
    if copy is None:
        raise DataError(f'{address}: has a part that is no file name, such as "..". Write the whole address.')
    return copy


def _listed(fs: Any, folder: str, address: str) -> dict[str, dict[str, Any]]:
    """What the store tells of the files of one folder, by their names; nothing where there is no such folder."""
    with _reaching(address):
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
    part = file.copy.parent / f".{file.copy.name[:40]}.{uuid4().hex}"
    try:
        with _keeping(file.address):
            part.parent.mkdir(parents=True, exist_ok=True)
        with _reaching(file.address):
            fs.get_file(file.name, str(part))
        with _keeping(file.address):
            arrived = part.stat().st_size
            if file.size_bytes is not None and arrived != file.size_bytes:
                raise DataError(
                    f"{file.address}: {arrived:,} of its {file.size_bytes:,} bytes arrived. Try again: what is whole is kept."
                )
            os.utime(part, ns=(time.time_ns(), file.changed_ns))
            part.replace(file.copy)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def _keeping(address: str) -> Iterator[None]:
    """Inside, a cache that cannot be written is a `DataError`."""
    try:
        yield
    except OSError as error:
        raise _no_room(address, error) from None


def _no_room(address: str, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    return DataError(f"{address}: no copy can be kept ({reason}). Free space, or name another folder by HEADSTART_CACHE.")


@contextmanager
def _reaching(address: str, passed: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Inside, whatever a client of a store raises, but for what is passed on, is a `DataError` of one sentence."""
    try:
        yield
    except passed:
        raise
    except HeadstartError:
        raise
    except FileNotFoundError:
        raise DataError(f"{address}: does not exist, or its bucket does not. Correct the address.") from None
    except Exception as error:  # noqa: BLE001  each store has errors of its own
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise _no_room(address, error) from None
        reason = " ".join(str(error).split())[:160].rstrip(". ") or type(error).__name__
        said = f"{type(error).__name__} {reason}"
        if isinstance(error, PermissionError) or any(word in said for word in REFUSED):
            raise DataError(
                f"{address}: access is refused ({reason}). Set the credentials of the store where its own tools look for them, "
                "such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3://."
            ) from None
        raise DataError(
            f"{address}: cannot be reached, or the connection was lost ({reason}). Try again: what arrived whole is kept."
        ) from None
