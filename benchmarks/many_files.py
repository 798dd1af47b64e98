"""`headstart embed` on very many JPEG files of about 400 pixels, killed in the middle and started again: memory, rate, lost rows.

The files are copies of 500 pictures whose bytes differ by a comment, so that each counts as another picture (50 KB each: 5 GB for
100,000). Memory is the resident set of the process, read from /proc each second, so that this runs on Linux.

Expected: memory while extracting grows by no more than a tenth from its first fifth to its end; the second process computes only
rows that the first had not kept; 0.85 of what reading and engine allow.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.limits import decode_only_rate, engine_only_rate
from benchmarks.pictures import image_set_of, jpegs
from benchmarks.protocol import alone, arguments, empty_cache, show
from headstart.backbones.loading import load_backbone
from headstart.features.extract import engine_name_of
from headstart.features.store.contents import cache_contents
from headstart.features.store.store import CHUNK_ROWS

NUM_PICTURES = 500
NAME = "efficientnet_lite0"
COMMENT = b"\xff\xfe"
START = b"\xff\xd8"


class Watched(NamedTuple):
    """What a process was seen to do.

    Attributes:
        before: Seconds until the first features were kept: reading the folder, measuring the files, starting the engine.
        extracting: Seconds from then on.
        megabytes: Resident memory, one a second, while features were extracted.
        most: The greatest resident memory at any time, in MB.
    """

    before: float
    extracting: float
    megabytes: list[int]
    most: int


def copies(folder: Path, count: int) -> Path:
    """A folder of so many JPEG files of different bytes."""
    place = folder / f"many-{count}"
    if (folder / f"{place.name}.done").exists():
        return place
    sources = [(path.parent.name, path.read_bytes()) for path in sorted(jpegs(folder, NUM_PICTURES).glob("*/*.jpg"))]
    for row in range(count):
        label, content = sources[row % len(sources)]
        text = f"copy {row}".encode()
        path = place / label / f"{row:07d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(START + COMMENT + struct.pack(">H", len(text) + 2) + text + content[len(START) :])
    (folder / f"{place.name}.done").touch()
    return place


def memory_of(process: int) -> tuple[int, int]:
    """Resident memory now and at most, in MB."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    found = {
        name: int(value.split()[0]) // 1024 for name, _, value in (line.partition(":") for line in lines) if name.startswith("Vm")
    }
    return found.get("VmRSS", 0), found.get("VmHWM", 0)


def watched(command: list[str], cache: Path, kill_after: int | None) -> Watched:
    """The command until its end, or until it has kept so many rows: then it is killed."""
    begun = time.perf_counter()
    first, megabytes, most = None, [], 0
    known = len(list((cache / "features").glob("*/*.safetensors")))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            now, highest = memory_of(process.pid)
            most = max(most, highest)
            chunks = len(list((cache / "features").glob("*/*.safetensors"))) - known
            if chunks > 0:
                first = first or time.perf_counter()
                megabytes.append(now)
            if kill_after is not None and chunks * CHUNK_ROWS >= kill_after:
                process.kill()
            time.sleep(1)
    if process.returncode and kill_after is None:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    end = time.perf_counter()
    return Watched((first or end) - begun, end - (first or end), megabytes, most)


def kept_rows() -> int:
    """Rows of features in the cache."""
    return sum(entry.num_rows for entry in cache_contents() if entry.kind == "features")


def limits(folder: Path, side: int) -> tuple[float, float]:
    """Images a second of reading and of the engine that was chosen, on some of the files."""
    images = image_set_of(folder).take(np.arange(NUM_PICTURES))
    backbone = load_backbone(NAME, input_pixels=side)
    engine = engine_name_of(images, backbone)
    return decode_only_rate(images, backbone, engine), engine_only_rate(images, backbone, engine)


def measured(folder: Path, out: Path, count: int, side: int) -> dict[str, object]:
    """Both processes."""
    command = [sys.executable, "-m", "headstart", "embed", str(folder), "-o", str(out / "many.npz"), "--pixels", str(side)]
    with empty_cache() as cache:
        killed = watched([*command, "--pretrained", NAME], cache, count // 2)
        kept = kept_rows()
        again = watched([*command, "--pretrained", NAME], cache, None)
        total = kept_rows()
        decode, engine = alone(limits, folder, side)
    rate = (total - kept) / again.extracting if again.extracting else float("nan")
    grown = again.megabytes[len(again.megabytes) // 5 :]
    return {
        "files": count,
        "side": side,
        "until extraction, seconds": killed.before,
        "started again, until extraction": again.before,
        "kept at the kill": kept,
        "computed after it": total - kept,
        "images/s": rate,
        "images/s / allowed": rate * (1 / decode + 1 / engine),
        "memory while extracting, MB": f"{min(grown, default=0)} to {max(grown, default=0)}",
        "memory at most, MB": max(killed.most, again.most),
    }


def main() -> None:
    """Print one row, and the limits."""
    options = arguments(__doc__ or "", seeds=1, files=100_000, side=224)
    folder = copies(options.out / "pictures", options.files)
    rows = [measured(folder, options.out, options.files, options.side) for _ in range(options.seeds)]
    show(f"headstart embed on {options.files:,} JPEG files, killed in the middle and started again", rows, [])


if __name__ == "__main__":
    main()
