"""What opening a store costs the process that drives a run: processor time and memory for each row, time to list chunks again.

The store has chunks of 256 rows as extraction writes them, with four values a row in place of 5,000: an index holds no features.

Expected: both in proportion to the rows; 1e8 rows take tens of gigabytes, so that a driver of a larger set needs parts of it.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.protocol import alone, arguments, show
from headstart.features.store.chunks import chunk_content
from headstart.features.store.store import CHUNK_ROWS, Store


def resident_bytes() -> int:
    """Resident memory of this process, from /proc: Linux."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def opened(num_chunks: int) -> dict[str, object]:
    """Costs of one store."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for chunk in range(num_chunks):
            keys = [hashlib.sha256(f"{chunk}-{row}".encode()).hexdigest() for row in range(CHUNK_ROWS)]
            name, content = chunk_content(keys, {"stage.0": np.zeros((CHUNK_ROWS, 4), np.float32)})
            (folder / name).write_bytes(content)
        before, begun = resident_bytes(), time.process_time()
        store = Store(folder)
        store.refresh()
        seconds, grown = time.process_time() - begun, resident_bytes() - before
        begun = time.process_time()
        store.refresh()
        again = time.process_time() - begun
    rows = num_chunks * CHUNK_ROWS
    return {
        "rows": rows,
        "opening, microseconds/row": 1e6 * seconds / rows,
        "bytes/row": grown / rows,
        "listing again, microseconds/chunk": 1e6 * again / num_chunks,
    }


def main() -> None:
    """Print a row for each size and repetition."""
    options = arguments(__doc__ or "", seeds=2, chunks=(200, 800))
    rows = [alone(opened, chunks) for chunks in options.chunks for _ in range(options.seeds)]
    show("opening a store", rows, [])


if __name__ == "__main__":
    main()
