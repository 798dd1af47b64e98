"""What checksums cost: extraction, and reading features that are there, with and without them.

Both sides do the same work in one process, in turn, on 64-pixel PNG files with EfficientNet-Lite0. Without checksums, nothing
is hashed when chunks are written, and chunks that are opened are not compared. Each side begins with an empty folder for features
and opens its chunks anew; engines and compiled networks are kept. Times are those of the processor, as the cost is one of
computing: bytes come from the page cache in both. "hashing" is the time to hash all chunks twice, as they are when they are
written and when they are read, as a share of the extraction: ratios of whole extractions resolve no share so small. "checking" is
the time to compare all chunks with their checksums as a share of the time to read them.

Expected: extraction takes less than 2 % more. Reading alone, which does nothing but copy, may take some per cent more, once in a
process.

python -m benchmarks.checksums --seeds 7
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.pictures import image_set_of, pngs
from benchmarks.protocol import arguments, empty_cache, show
from headstart.backbones.loading import load_backbone
from headstart.core import arrays
from headstart.core.folders import cache_folder
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.features.store import checked, chunks
from headstart.features.store.store import store_at

NAME = "efficientnet_lite0"


@contextmanager
def without_checksums() -> Iterator[None]:
    """Inside, none is computed."""
    plain: Callable[[bytes], tuple[bytes, ...]] = lambda content: (content,)  # noqa: E731
    with (
        patch.object(chunks, "with_checksum", plain),
        patch.object(checked, "check_safetensors", lambda _: False),
        patch.object(arrays, "check_safetensors", lambda _: False),
    ):
        yield


def seconds_of(images: ImageSet, *, extract: bool) -> float:
    """Seconds of the processor to extract features, or to read them."""
    if extract:
        shutil.rmtree(cache_folder() / "features", ignore_errors=True)
    store_at.cache_clear()
    backbone = load_backbone(NAME)
    begun = time.process_time()
    found = features_of(images, backbone)
    for block in (*found.stages, *found.stds, found.pixels):
        np.asarray(block)
    return time.process_time() - begun


def row_of(images: ImageSet, number: int) -> dict[str, object]:
    """The ratios of one repetition; which side is first changes with its number."""
    seconds: dict[tuple[str, bool], float] = {}
    for with_them in (True, False) if number % 2 else (False, True):
        if with_them:
            seconds["extract", True] = seconds_of(images, extract=True)
            seconds["read", True] = min(seconds_of(images, extract=False) for _ in range(3))
        else:
            with without_checksums():
                seconds["extract", False] = seconds_of(images, extract=True)
                seconds["read", False] = min(seconds_of(images, extract=False) for _ in range(3))
    ratios = {name: seconds[name, True] / seconds[name, False] for name in ("extract", "read")}
    return {"repetition": number, "extraction": ratios["extract"], "reading": ratios["read"]}


def shares_of(images: ImageSet) -> dict[str, object]:
    """The time of checksums alone, as shares of the time to extract features and to read them."""
    whole = seconds_of(images, extract=True)
    with without_checksums():
        reading = min(seconds_of(images, extract=False) for _ in range(3))
    paths = list((cache_folder() / "features").rglob("*.safetensors"))
    contents = [path.read_bytes() for path in paths]
    begun = time.process_time()
    for content in contents:
        arrays.with_checksum(content)
    written = time.process_time()
    for path in paths:
        arrays.check_safetensors(path)
    ended = time.process_time()
    return {"hashing": (ended - begun) / whole, "checking": (ended - written) / reading}


if __name__ == "__main__":
    given = arguments(__doc__, seeds=7, pictures=512)
    with empty_cache(), tempfile.TemporaryDirectory() as place:
        shown = image_set_of(pngs(Path(place), given.pictures))
        seconds_of(shown, extract=True)  # chooses the engine
        rows = [row_of(shown, number) | shares_of(shown) for number in range(given.seeds)]
    show("checksums", rows, columns=("hashing", "checking"), ratios=("extraction", "reading"))
