"""What 1e6, 1e8 and 1e10 pictures take: machine-hours, bytes and money by arithmetic, wall time by the simulator.

Nothing is timed here. Every rate is an option whose default was measured on a machine of two cores (AMD EPYC, Zen 4); the comment
beside it names where it is printed. The price is an assumption. Works are simulated in bundles where there are more than 20,000.

Expected: machine-hours in proportion to the pictures, and wall time that stops falling where the driver's own work is longer.
"""

from __future__ import annotations

import math

from benchmarks.protocol import arguments, show
from headstart.cluster.simulator import Conditions, SimulatedWork, bounds_of, simulate
from headstart.features.extraction_works import WORK_CHUNKS
from headstart.features.store.store import CHUNK_ROWS
from headstart.workflows.simulate import DRIVER_SECONDS, WORKER_SECONDS

MOST_WORKS = 20_000
IMAGES_A_SECOND = 195.5  # EfficientNet-Lite0 at 224 pixels, JPEG of 400 pixels: RESULTS.md, "Extraction against a usual loop"
SCAN_MILLISECONDS = 1.0  # a file hashed and measured, which happens once: RESULTS.md, "Very many files"
RIDGE_MICROSECONDS = 41.4  # a row of 1,984 features: RESULTS.md, "Rows"
ROW_BYTES = 10_983  # EfficientNet-Lite0 in a chunk of 256: 2 x 1,984 + 1,000 in half precision, 972 pixels, key
PICTURE_BYTES = 50_000  # JPEG of 400 pixels: benchmarks/many_files.py
INDEX_BYTES = 242  # of the driver's memory for each row of a store: benchmarks.store_index
INDEX_MICROSECONDS = 0.92  # of the driver to open a store, for each row: benchmarks.store_index
PRICE = 0.10  # an assumption: a machine-hour of two virtual cores, in whatever money


def needed(num_images: float, rates: dict[str, float]) -> dict[str, object]:
    """What so many pictures take, whatever the number of workers."""
    extraction = num_images / rates["images_a_second"] / 3600
    ridge = num_images * rates["ridge_microseconds"] / 1e6 / 3600
    scan = num_images * rates["scan_milliseconds"] / 1e3 / 3600
    return {
        "images": f"{num_images:.0e}",
        "scan h": scan,
        "extraction machine-h": extraction,
        "ridge machine-h": ridge,
        "money": rates["price"] * (scan + extraction + ridge),
        "pictures TB": num_images * PICTURE_BYTES / 1e12,
        "features TB": num_images * ROW_BYTES / 1e12,
        "index GB": num_images * INDEX_BYTES / 1e9,
    }


def works_for(num_images: float, rates: dict[str, float]) -> tuple[list[SimulatedWork], Conditions]:
    """The scan of the driver, then extraction by workers in bundles of works, then the driver's index."""
    num_works = math.ceil(num_images / (WORK_CHUNKS * CHUNK_ROWS))
    bundle = math.ceil(num_works / MOST_WORKS)
    num_bundles = math.ceil(num_works / bundle)
    scan = SimulatedWork("scan", num_images * rates["scan_milliseconds"] / 1e3, on_driver=True)
    seconds = num_images / rates["images_a_second"] / num_bundles
    works = [SimulatedWork("extraction", seconds, after=(0,)) for _ in range(num_bundles)]
    index = SimulatedWork("index", num_images * INDEX_MICROSECONDS / 1e6, after=tuple(range(1, num_bundles + 1)), on_driver=True)
    costs = Conditions(worker_seconds=bundle * WORKER_SECONDS, driver_seconds=bundle * rates["driver_milliseconds"] / 1e3)
    return [scan, *works, index], costs


def simulated(num_images: float, numbers: list[int], rates: dict[str, float]) -> dict[str, object]:
    """Hours by number of workers; the scan apart, as it happens once and needs no worker."""
    works, costs = works_for(num_images, rates)
    bounds = bounds_of(works, costs)
    hours = {number: simulate(works, number, costs).seconds / 3600 for number in numbers}
    scan = works[0].seconds / 3600
    return {
        "images": f"{num_images:.0e}",
        **{f"{number:,} workers, h": hours[number] - scan for number in numbers},
        "speed-up of the last": bounds.total_seconds / 3600 / hours[numbers[-1]],
        "the same without scan": (bounds.total_seconds / 3600 - scan) / (hours[numbers[-1]] - scan),
        "driver h": bounds.driver_seconds / 3600 - scan,
        "scan h": scan,
    }


def main() -> None:
    """Print both tables."""
    options = arguments(
        __doc__ or "", seeds=1, images=(1e6, 1e8, 1e10), workers=(1, 10, 100, 1000),
        images_a_second=IMAGES_A_SECOND, scan_milliseconds=SCAN_MILLISECONDS, ridge_microseconds=RIDGE_MICROSECONDS,
        driver_milliseconds=1e3 * DRIVER_SECONDS, price=PRICE,
    )  # fmt: skip
    rates = {name: value for name, value in vars(options).items() if isinstance(value, float)}
    show("what is needed, whatever the number of workers", [needed(number, rates) for number in options.images], [])
    show("hours after the scan, simulated", [simulated(number, options.workers, rates) for number in options.images], [])


if __name__ == "__main__":
    main()
