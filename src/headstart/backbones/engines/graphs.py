"""Graphs: networks made ready for an engine, kept in the cache so that later processes need neither the network nor PyTorch."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.engines.base import ProgramKey
from headstart.core.dropping import drop
from headstart.core.errors import ExportError
from headstart.core.folders import cache_folder
from headstart.core.parsing import json_from
from headstart.core.records import fingerprint_of, write_atomically

SUFFIX = ".graph"
_LOG = logging.getLogger(__name__)


def graphs_folder() -> Path:
    """The cache's folder for graphs: one folder for each network, one file for each engine, program and input size."""
    return cache_folder() / "graphs"


def keep_graph(key: ProgramKey, made_with: Any, content: bytes) -> None:
    """Keep what a runtime made of a program; where the cache cannot be written, log it and keep nothing.

    Args:
        key: The program's.
        made_with: JSON values that the content depends on beside the program: precision, versions, processor.
        content: What `read_graph` gives back.
    """
    header = json.dumps({"made_with": made_with, "program": key.program, "sha256": sha256(content).hexdigest()}).encode()
    try:
        write_atomically(_path(key, made_with), len(header).to_bytes(8, "little") + header + content)
    except ExportError as error:
        _LOG.warning("The compiled network is not kept: %s", error)


def read_graph(key: ProgramKey, made_with: Any) -> Any:
    """The bytes that `keep_graph` got for the same program and origin, uint8 [byte]; None where they are absent or damaged.

    The file counts as used now. A damaged one is deleted.
    """
    path = _path(key, made_with)
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    content = _checked(data)
    if content is None:
        drop(path, "its SHA-256 is not that of its content")
        return None
    with suppress(OSError):  # it lies where nothing can be written
        os.utime(path)
    return content


def forget_graph(key: ProgramKey, made_with: Any, reason: str) -> None:
    """Delete what is kept, after the runtime refused it for that reason."""
    path = _path(key, made_with)
    _LOG.warning("%s cannot be used (%s) and is made again.", path, reason)
    path.unlink(missing_ok=True)


def is_sound_graph(path: Path) -> bool:
    """Whether a file that `keep_graph` wrote is as it was written, or gone."""
    try:
        return _checked(np.fromfile(path, np.uint8)) is not None
    except OSError:
        return True


def _checked(data: Any) -> Any:
    """The content behind the header; None where the hash is not the header's."""
    length = int.from_bytes(data[:8].tobytes(), "little")
    try:
        expected = json_from(data[8 : 8 + length].tobytes(), "header")["sha256"]
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    content: Any = np.array(data[8 + length :])  # a copy is aligned
    return content if sha256(content).hexdigest() == expected else None


def _path(key: ProgramKey, made_with: Any) -> Path:
    return graphs_folder() / key.weights_hash / f"{fingerprint_of([key.inputs, key.program, made_with])}{SUFFIX}"
