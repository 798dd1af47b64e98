"""Addresses of stores, such as s3://bucket/flowers: what is one, and where its copy lies in the cache."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from headstart.core.folders import cache_folder

FOLDER = "remote"
"""The folder of the cache with copies of what lies in stores."""
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
NO_NAMES = ("", ".", "..")
"""Parts of an address that are no file names."""


def is_address(text: object) -> bool:
    """Whether a text is an address: a word, two slashes and the rest.

    >>> is_address("s3://bucket/flowers"), is_address("C:/flowers"), is_address("flowers/rose")
    (True, False, False)
    """
    return isinstance(text, str) and ADDRESS.fullmatch(text) is not None


def copies() -> Path:
    """The folder with the copies."""
    return cache_folder().absolute() / FOLDER


def copy_of(address: str) -> Path | None:
    """Where the copy of a file or folder lies; None where a part of the address is no file name, as ".." is none."""
    found = ADDRESS.fullmatch(address)
    names = found[2].strip("/").split("/") if found else [""]
    if found is None or any(name in NO_NAMES or "\0" in name or "\\" in name or Path(name).drive for name in names):
        return None
    return copies().joinpath(found[1].lower(), *names)


def is_copy(path: Path) -> bool:
    """Whether a path of the cache is where the copy of a file of a store lies, or would lie."""
    return FOLDER in path.parts and path.is_relative_to(copies())


def is_unpacked(path: Path) -> bool:
    """Whether this process made the file in its cache, where no other machine looks for it, from one that is no copy."""
    return path.is_relative_to(cache_folder().absolute()) and not is_copy(path)


def shown_name(path: Path) -> str:
    """The path as text, or the address of what a path in the cache is a copy of."""
    text = str(path)
    if FOLDER not in path.parts:
        return text
    root = str(copies()) + os.sep
    return _address(text.removeprefix(root)) if text.startswith(root) else text


def with_addresses(found: Any) -> Any:
    """The same text, or the texts in lists and dicts, with addresses in place of the paths of copies."""
    if isinstance(found, str):
        root = re.escape(str(copies()) + os.sep)
        return re.sub(rf"{root}([a-z0-9+.-]+){re.escape(os.sep)}", r"\1://", found)
    if isinstance(found, list | tuple):
        return type(found)(map(with_addresses, found))
    return {name: with_addresses(one) for name, one in found.items()} if isinstance(found, dict) else found


def _address(relative: str) -> str:
    protocol, *names = Path(relative).parts
    return f"{protocol}://{'/'.join(names)}"
