"""A server on Ray Serve against the single process: what the proxy adds, and what a killed replica takes with it.

    python -m benchmarks.serving_on_ray [--seconds 10] [--seeds 3] [--kills 5] [--run RUN]

Expected: no failed request but those that a killed replica had in its hands. The first part asks `headstart serve` and `headstart
serve --cluster auto --replicas 1` in turn, with one client (seconds of a request) and with eight (pictures a second), in one
script on one machine; the ratio is what Ray's proxy costs. The second part kills replicas of a server with two of them, one after
the other, by SIGKILL, while eight clients ask. A request is in the hands of the replica if it was sent before the kill and not
answered then. Without --run a ridge head on EfficientNet-Lite0 is fitted to the embedded set first.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from ray.cluster_utils import Cluster

import headstart
from benchmarks._load import Connection, Load, form_of
from benchmarks.protocol import arguments
from benchmarks.serving import photographs
from headstart.core.cores import num_cores

CLIENTS = 8
FILES_A_REQUEST = 1
SECONDS_AFTER = 15.0
"""After a kill, before the next one is looked for: there have to be two replicas again."""


@contextmanager
def cluster() -> Iterator[None]:
    """A Ray cluster of one node with four cores to give; `auto` finds it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # short: a socket's path has 107 bytes at most
    started = Cluster()
    try:
        started.add_node(num_cpus=4, include_dashboard=False, ray_client_server_port=port)
        os.environ["RAY_ADDRESS"] = f"ray://127.0.0.1:{port}"
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:  # it answers late where all cores are busy
            time.sleep(1.0)
        yield
    finally:
        started.shutdown()
        shutil.rmtree(home, ignore_errors=True)


def of_ray() -> list[psutil.Process]:
    """The proxy and the replicas of the cluster that this process started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(name in " ".join(process.cmdline()) for name in ("ray::ProxyActor", "ray::ServeReplica:headstart")):
                found.append(process)
    return found


def is_ready_replica(process: psutil.Process) -> bool:
    """Whether it is a replica that has been made: Ray names a process after what it does."""
    with suppress(psutil.Error):
        name = " ".join(process.cmdline())
        return "ServeReplica" in name and "__init__" not in name
    return False


def processor_seconds(processes: list[psutil.Process]) -> float:
    """What they have used so far."""
    return sum(sum(one.cpu_times()[:2]) for one in processes)


@contextmanager
def served(run: Path, *options: str) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a server of a run, as a command, and its process; it is ended as a user ends it."""
    command = [sys.executable, "-m", "headstart", "serve", str(run), "--port", "0", "--no-examples", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = ""
    while not text.endswith("}\n") or text.count("{") != text.count("}"):
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        text += line
    try:
        yield json.loads(text)["address"], psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        print(f"SIGTERM: exit code {process.wait(180)}", flush=True)


@dataclass
class Measured:
    """Figures of one server: seconds of one client's requests, pictures a second of several, processor seconds of a request."""

    median: float
    p99: float
    rate: float
    processor: float


def measured(address: str, processes: list[psutil.Process], contents: list[bytes], seconds: float) -> Measured:
    """The figures of a server, after it was warmed up."""
    asyncio.run(Load(address, contents, FILES_A_REQUEST).closed(2.0, CLIENTS))
    alone, used = Load(address, contents, FILES_A_REQUEST), processor_seconds(processes)
    asyncio.run(alone.closed(seconds, 1))
    together = Load(address, contents, FILES_A_REQUEST)
    rate = asyncio.run(together.closed(seconds, CLIENTS))
    others = {status: count for status, count in (alone.statuses + together.statuses).items() if status != 200}
    if others:
        print(f"    other statuses: {others}")
    each = (processor_seconds(processes) - used) / max(1, alone.statuses[200] + together.statuses[200])
    return Measured(alone.percentile(50), alone.percentile(99), rate, each)


def compare_with_proxy(run: Path, contents: list[bytes], seconds: float, repeats: int) -> None:
    """Print what one replica behind the proxy does beside the single process, in turn."""
    ratios: dict[str, list[float]] = {"median": [], "p99": [], "rate": [], "processor": []}
    on_ray = served(run, "--cluster", "auto", "--replicas", "1", "--replica-cores", "2")
    with served(run) as (here, process), on_ray as (there, _):
        for _ in range(repeats):
            one, other = measured(here, [process], contents, seconds), measured(there, of_ray(), contents, seconds)
            for name, found in (("one process", one), ("Ray Serve, one replica", other)):
                print(
                    f"{name}: median {found.median * 1e3:.1f} ms, p99 {found.p99 * 1e3:.1f} ms, {found.rate:.0f} pictures/s, "
                    f"processor {found.processor * 1e3:.1f} ms a request",
                    flush=True,
                )
            for name, values in ratios.items():
                values.append(getattr(other, name) / getattr(one, name))
    for name, values in ratios.items():
        print(f"ratio of {name}: {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")


class Recorded:
    """Requests of several clients, each of which asks again as soon as it has its answer, in a thread of its own.

    Args:
        address: Of the server.
        contents: Files, of which each request has one.
    """

    def __init__(self, address: str, contents: list[bytes]) -> None:
        place = urlsplit(address)
        self.host, self.port = place.hostname or "", place.port or 80
        self.requests = [form_of([content], "/predict", place.netloc) for content in contents]
        self.done: list[tuple[float, float, int]] = []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._all()))

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(random.Random(number)) for number in range(CLIENTS)))

    async def _one(self, draw: random.Random) -> None:
        connection = Connection(self.host, self.port)
        while not self.ends.is_set():
            begun = time.monotonic()
            status = await connection.ask(draw.choice(self.requests))
            self.done.append((begun, time.monotonic(), status))
        connection.close()


def kill_replicas(run: Path, contents: list[bytes], kills: int) -> None:
    """Print what came of the requests while replicas were killed."""
    with served(run, "--cluster", "auto", "--replicas", "2") as (address, _):
        load, moments = Recorded(address, contents), []
        load.thread.start()
        time.sleep(5.0)
        for _ in range(kills):
            while len(replicas := [one for one in of_ray() if is_ready_replica(one)]) < 2:
                time.sleep(1.0)
            victim = replicas[0]
            victim.kill()
            moments.append(time.monotonic())
            time.sleep(SECONDS_AFTER)
            print(f"killed replica {victim.pid}; {len(load.done)} requests so far", flush=True)
        load.ends.set()
        load.thread.join()
    in_hands = [any(begun <= moment <= ended for moment in moments) for begun, ended, _ in load.done]
    failed = [status != 200 for _, _, status in load.done]
    beyond = sum(bad and not was_there for bad, was_there in zip(failed, in_hands, strict=True))
    print(f"{len(load.done)} requests, statuses {dict(Counter(status for *_, status in load.done))}; {kills} kills")
    print(f"in flight at a kill, over both replicas: {sum(in_hands)}; failed: {sum(failed)}; failed and not in flight: {beyond}")
    gaps = [max(ended - begun for begun, ended, _ in load.done if begun <= moment <= ended) for moment in moments]
    print(f"longest wait of a request in flight at each kill: {', '.join(f'{gap:.2f} s' for gap in gaps)}")


def main() -> None:
    given = arguments(__doc__ or "", seeds=3, seconds=10.0, kills=5, run="")
    with tempfile.TemporaryDirectory() as place, cluster():
        print(f"{num_cores()} cores; {CLIENTS} clients, {FILES_A_REQUEST} picture a request")
        folder = Path(place) / "run"
        if given.run:
            shutil.copytree(given.run, folder)
        else:
            headstart.fit("emoji", method="ridge", pretrained="efficientnet_lite0", out=folder)
        (Path(place) / "pictures").mkdir()
        contents = [path.read_bytes() for path in photographs(Path(place) / "pictures")]
        if given.seeds:
            compare_with_proxy(folder, contents, given.seconds, given.seeds)
        if given.kills:
            kill_replicas(folder, contents, given.kills)


if __name__ == "__main__":
    main()
