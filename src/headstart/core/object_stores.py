"""Object stores and other places that `fsspec` opens by an address: opened once, with whatever goes wrong in one sentence."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from headstart.core.errors import DataError, HeadstartError, MissingExtraError

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


def check_readable(address: str) -> None:
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


def opened(address: str) -> tuple[Any, str]:
    """The file system of an address, and the name that it has there."""
    check_readable(address)
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
        with reaching(address, (ImportError, ValueError)):
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


def is_in_store(fs: Any) -> bool:
    """Whether a file system is that of a store, and not of this machine."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    return not any(protocol in LOCAL for protocol in protocols)


def no_room(address: str, error: OSError) -> DataError:
    """What is said where the cache cannot be written."""
    reason = error.strerror or str(error)
    return DataError(f"{address}: no copy can be kept ({reason}). Free space, or name another folder by HEADSTART_CACHE.")


@contextmanager
def reaching(address: str, passed: tuple[type[Exception], ...] = ()) -> Iterator[None]:
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
            raise no_room(address, error) from None
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
