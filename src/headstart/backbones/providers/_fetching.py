"""Fetching weights of public models: a file takes its place only once it is whole."""

from __future__ import annotations

from http.client import HTTPException
from pathlib import Path

from headstart.core.arrays import read_metadata
from headstart.core.durable import sync_file, sync_folder
from headstart.core.errors import DamagedError
from headstart.core.unfinished import sweep, unfinished_folder


def fetch(url: str, path: Path, digits: str | None = None) -> None:
    """Write what lies at an address into a file, which appears once all has come; a transfer that was cut off leaves nothing.

    Args:
        url: The address.
        path: The file; its folder is made.
        digits: With which the SHA-256 of the file begins. Without them a safetensors file is whole where its header, which has
            the size of every array, says so.

    Raises:
        OSError: The address cannot be reached, or the file cannot be written.
        RuntimeError: Something else came than was meant.
    """
    import torch  # noqa: PLC0415

    sweep(path.parent)
    try:
        with unfinished_folder(path) as folder:
            part = folder / path.name
            torch.hub.download_url_to_file(url, str(part), digits, progress=False)
            if digits is None and path.suffix == ".safetensors":
                read_metadata(part)
            sync_file(part)
            part.replace(path)
            sync_folder(path.parent)
    except (HTTPException, DamagedError) as error:
        raise RuntimeError(str(error)) from error
