"""Fetching weights of public models: a file takes its place only once it is whole."""

from __future__ import annotations

from http.client import HTTPException
from pathlib import Path
from uuid import uuid4

from headstart.core.arrays import read_metadata
from headstart.core.errors import DamagedError


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

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem[:40]}.{uuid4().hex}{path.suffix}")
    try:
        torch.hub.download_url_to_file(url, str(part), digits, progress=False)
        if digits is None and path.suffix == ".safetensors":
            read_metadata(part)
        part.replace(path)
    except (HTTPException, DamagedError) as error:
        raise RuntimeError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)
