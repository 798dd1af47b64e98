"""Ridge with leave-one-out on 10,000 to 1,000,000 rows of 1,984 features, on disk in half precision, with ten classes.

Expected: peak memory under 3 GB at every size, and time that grows no faster than the rows (the ratio of microseconds per row
to those of the size before is 1 or less, because the eigendecomposition costs the same at every size). Writes 4 GB to the
temporary folder.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.protocol import alone, arguments
from headstart.heads.ridge_leave_one_out import fit_ridge

SIZES = (10_000, 100_000, 1_000_000)
WIDTH = 1_984
CLASSES = 10
CHUNK_ROWS = 10_000
TEST_ROWS = 5_000
TEST_SEED = 2_000_000_000


def drawn(start: int, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose classes overlap, and their labels: the variances fall as those of real features do."""
    labels = np.random.default_rng([1, start]).integers(0, CLASSES, num)
    centers = np.random.default_rng(0).standard_normal((CLASSES, WIDTH), dtype=np.float32)
    scales = np.arange(1, WIDTH + 1, dtype=np.float32) ** -0.5
    noise = np.random.default_rng([2, start]).standard_normal((num, WIDTH), dtype=np.float32)
    return (noise + 0.1 * centers[labels]) * scales + 0.5, labels


def write(folder: Path, num: int) -> None:
    """`rows.npy` and `labels.npy`, made in chunks."""
    rows = np.lib.format.open_memmap(folder / "rows.npy", "w+", np.float16, (num, WIDTH))
    labels = np.empty(num, np.int64)
    for start in range(0, num, CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, num))
        rows[part], labels[part] = drawn(start, part.stop - start)
    rows.flush()
    np.save(folder / "labels.npy", labels)


def fit(folder: Path) -> dict[str, float]:
    """One fit: seconds, peak memory of the process, and how good it is on new rows."""
    rows, labels = np.load(folder / "rows.npy", mmap_mode="r"), np.load(folder / "labels.npy")
    begun = time.perf_counter()
    found = fit_ridge(rows, labels, CLASSES)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    test, known = drawn(TEST_SEED, TEST_ROWS)
    return {
        "rows": len(rows),
        "seconds": round(seconds, 1),
        "microseconds_a_row": round(1e6 * seconds / len(rows), 1),
        "peak_gb": round(peak / 1e9, 2),
        "judged": len(found.loo_rows),
        "penalty": found.penalty,
        "temperature": found.temperature,
        "accuracy": float(np.mean((test @ found.weight + found.bias).argmax(axis=1) == known)),
    }


def main() -> None:
    options = arguments(__doc__ or "", seeds=1, rows=SIZES)
    before = None
    for num in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            alone(write, Path(folder), num)
            figures = alone(fit, Path(folder))
        seconds = figures["microseconds_a_row"]
        ratio = {"against_the_size_before": round(seconds / before, 2)} if before else {}
        sys.stdout.write(json.dumps({**figures, **ratio}) + "\n")
        sys.stdout.flush()
        before = seconds


if __name__ == "__main__":
    main()
