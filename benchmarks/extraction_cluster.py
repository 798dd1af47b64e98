"""Features of 100,000 small pictures, extracted by four Ray nodes into one store, beside one process.

The nodes are processes of this machine, each with one core and a cache of its own; the pictures are PNG files of 8 to 16 pixels
in ten class folders, or with `--layout shards` in tar shards. Expected: every picture has one row, every file of the store has
the bytes that one process writes, and no node uses more memory at the end than after its first tenth (within 20 %). On fewer
than five cores the wall time says nothing about speed-up: nodes and driver share the cores.

    python -m benchmarks.extraction_cluster --rows 100000 --nodes 4
"""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image

from benchmarks.processor import machine_line
from benchmarks.protocol import alone, arguments
from headstart.backbones.loading import load_backbone
from headstart.cluster.ray_executor import on_cluster
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.data.readers import reader_for
from headstart.features.extract import features_of
from headstart.features.store.chunks import read_chunk

CLASSES = 10
NETWORK, SIDE = "small_cnn", 32
SHARD_ROWS = 5_000
OBJECT_STORE_BYTES = 80 * 2**20
SAMPLE_SECONDS = 1.0
FLAT = 1.2
"""Memory at the end over memory after the first tenth that counts as flat."""


def picture(row: int) -> bytes:
    """A PNG file of noise over a gradient, 8 to 16 pixels a side, different for each row."""
    draw = np.random.default_rng(row)
    height, width = draw.integers(8, 17, 2)
    slope = np.linspace(0, 20 * (row % CLASSES), width)[None, :, None]
    stream = io.BytesIO()
    pixels = (draw.integers(0, 76, (height, width, 3)) + slope).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def write(folder: Path, num_rows: int, layout: str) -> None:
    """The pictures in class folders or in tar shards."""
    if layout == "folders":
        for row in range(num_rows):
            path = folder / f"class_{row % CLASSES}" / f"{row:06}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(row))
        return
    folder.mkdir()
    for start in range(0, num_rows, SHARD_ROWS):
        with tarfile.open(folder / f"shard-{start // SHARD_ROWS:05}.tar", "w") as shard:
            for row in range(start, min(start + SHARD_ROWS, num_rows)):
                for suffix, content in (("png", picture(row)), ("cls", str(row % CLASSES).encode())):
                    entry = tarfile.TarInfo(f"{row:06}.{suffix}")
                    entry.size = len(content)
                    shard.addfile(entry, io.BytesIO(content))


def extract(folder: Path, cache: Path, address: str | None) -> float:
    """Seconds for the features of all pictures, whose content keys are known, as after `headstart inspect`."""
    torch.set_num_threads(1)
    os.environ["HEADSTART_CACHE"] = str(cache)
    images = reader_for(str(folder)).read_unsorted(str(folder)).in_name_order().images
    rows = ImageSet(images, (), np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))
    rows.fingerprint  # noqa: B018  reads every picture once for its key
    backbone = load_backbone(NETWORK, weights="none", input_pixels=SIDE)
    with on_cluster(address):
        begun = time.perf_counter()
        features_of(rows, backbone)
        return time.perf_counter() - begun


@contextmanager
def nodes(num: int, home: Path) -> Iterator[Any]:
    """A running Ray cluster of that many nodes with one core each."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": str(home / "ray"),
        "RAY_worker_niceness": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_DEDUP_LOGS": "0",
    }
    (home / "ray").mkdir()
    from ray.cluster_utils import Cluster  # noqa: PLC0415  reads these settings

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    cluster = Cluster()
    try:
        for node in range(num):
            cluster.add_node(
                num_cpus=1, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False,
                env_vars={"HEADSTART_CACHE": str(home / f"cache-{node}")},
                **({"ray_client_server_port": port} if node == 0 else {}),
            )  # fmt: skip
        os.environ["RAY_ADDRESS"] = f"ray://127.0.0.1:{port}"
        yield cluster
    finally:
        cluster.shutdown()


class Watch(threading.Thread):
    """Samples the memory of the workers of each node until it is stopped."""

    def __init__(self, raylets: list[int], store: Path, num_rows: int) -> None:
        super().__init__(daemon=True)
        self.raylets = [psutil.Process(pid) for pid in raylets]
        self.store, self.num_rows = store, num_rows
        self.samples: list[tuple[float, float, list[float]]] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        begun = time.perf_counter()
        while not self.stopped.wait(SAMPLE_SECONDS):
            done = sum(1 for _ in self.store.glob("features/*/*.safetensors")) * 256 / self.num_rows
            self.samples.append((time.perf_counter() - begun, done, [_working_megabytes(one) for one in self.raylets]))

    def at(self, share: float) -> list[float]:
        """The most of each node within five hundredths of the work around that share."""
        near = [found for _, done, found in self.samples if abs(done - share) <= 0.05]
        return [max(column) for column in zip(*near, strict=True)] if near else [float("nan")] * len(self.raylets)


def _working_megabytes(raylet: psutil.Process) -> float:
    """Memory of a node's workers that is theirs alone; a worker that ends meanwhile counts as nothing."""
    total = 0
    for child in raylet.children():
        try:
            title = " ".join(child.cmdline())
            if title.startswith("ray::") and "Agent" not in title:
                total += child.memory_full_info().uss
        except psutil.Error:
            continue
    return total / 2**20


def stored(cache: Path) -> tuple[dict[str, str], list[str]]:
    """The SHA-256 of each file of the store by name, and the keys of all rows."""
    paths = sorted(cache.glob("features/*/*.safetensors"))
    keys = [key for path in paths for key in read_chunk(path).keys]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}, keys


def main() -> None:
    options = arguments("extraction on a cluster", 1, rows=100_000, nodes=4, layout="folders")
    os.environ["HEADSTART_ENGINE"] = "torch-float32"
    with tempfile.TemporaryDirectory(prefix="hs") as place:
        home = Path(place)
        write(home / "data", options.rows, options.layout)
        seconds = {"one process": alone(extract, home / "data", home / "alone", None)}
        with nodes(options.nodes, home) as cluster:
            raylets = [node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()]
            watch = Watch(raylets, home / "together", options.rows)
            watch.start()
            seconds[f"{options.nodes} nodes"] = alone(extract, home / "data", home / "together", "auto")
            watch.stopped.set()
            watch.join()
        (files, _), (others, keys) = stored(home / "alone"), stored(home / "together")
    report(options, seconds, watch, files == others, keys)


def report(options: Any, seconds: dict[str, float], watch: Watch, is_equal: bool, keys: list[str]) -> None:
    """What the docstring promises, on stdout."""
    print(f"{options.rows:,} pictures of 8 to 16 pixels in {options.layout}, {NETWORK} at {SIDE} pixels, torch-float32")
    print(f"on {machine_line()}, load average {os.getloadavg()[1]:.1f}")
    print(f"rows in the store: {len(keys):,}; rows that are there twice: {len(keys) - len(set(keys))}")
    print(f"every file has the bytes of one process: {is_equal}")
    print("; ".join(f"{name}: {took:.0f} s" for name, took in seconds.items()))
    shares = (0.1, 0.25, 0.5, 0.75, 0.95)
    print("memory of the workers of each node, MB   " + "  ".join(f"{share:.0%}".rjust(6) for share in shares) + "   growth")
    for node in range(options.nodes):
        found = [watch.at(share)[node] for share in shares]
        growth = found[-1] / found[0]
        flat = "flat" if growth <= FLAT else "NOT flat"
        print(f"node {node}".rjust(40) + "".join(f"  {one:6.0f}" for one in found) + f"   {growth:.2f} {flat}")


if __name__ == "__main__":
    main()
