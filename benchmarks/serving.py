"""Serving against the bare engine and against LitServe, in one run: throughput, seconds at 80 % load, overload, reload, memory.

    python -m benchmarks.serving [--minutes 10] [--seconds 15] [--run RUN] [--seeds 1]

Expected: throughput at least 70 % of the bare engine's; the 99th percentile at 80 % load below five times the median; at twice
the load 429 and no other failure; no failed request while the run is fitted again; memory flat over the minutes.

The client runs on the same machine and takes a part of it, which is printed, so that the ratio is a lower bound. There are three
bare rates: the engine alone on decoded pictures; decoding alone; and `run.predict` on the files, which does both. A server does
both too: 1 / (1 / decoding + 1 / engine) is what no server can exceed on these cores. Without --run a ridge head on
EfficientNet-Lite0 is fitted to the embedded set first. --seeds repeats the measurement with a new server. LitServe is measured
where it is installed (`pip install litserve`), with the same functions to decode and to predict.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

import headstart
from benchmarks._load import Load
from benchmarks.protocol import arguments
from headstart.core.cores import num_cores
from headstart.core.progress import silent
from headstart.features.store.transient import transient_features
from headstart.runs.predicting import answers_of
from headstart.serving.batching import MOST_TOGETHER
from headstart.serving.limits import Limits, Room
from headstart.serving.pictures import DecodedImages, Upload, decoded
from headstart.serving.versions import load_version

NUM_PICTURES = 256
SIDE = 320
"""Of the photographs that are sent: JPEG files of about 40 KB."""
FILES_A_REQUEST = 4
CLIENTS = 16
MINUTES_BETWEEN = 1.0
"""Memory is read so often."""


def photographs(folder: Path) -> list[Path]:
    """Pictures that cost as much to decode as photographs."""
    draw = np.random.default_rng(0)
    made = []
    for number in range(NUM_PICTURES):
        coarse = draw.integers(0, 255, (12, 12, 3), np.uint8)
        image = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        noisy = np.clip(image + draw.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
        path = folder / f"{number}.jpg"
        Image.fromarray(noisy).save(path, quality=88)
        made.append(path)
    return made


def rate_of(work: Callable[[], int], seconds: float) -> tuple[float, float]:
    """Pictures a second of some work, which returns how many it did, and processor seconds a picture."""
    work()
    done, begun, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds:
        done += work()
    return done / (time.perf_counter() - begun), (time.process_time() - used) / done


def bare_rates(folder: Path, paths: list[Path], seconds: float) -> dict[str, tuple[float, float]]:
    """What the engine, the decoders, and both do without a server."""
    version, run = load_version(folder), headstart.Run.load(folder)
    uploads, room = [Upload(path.name, path.read_bytes()) for path in paths], Room(Limits().max_pixels)
    with ThreadPoolExecutor(num_cores()) as pool, threadpool_limits(1, "blas"):  # as the server has it

        def read() -> list[object]:
            return list(pool.map(lambda one: decoded(one, version.sides, room), uploads))

        pictures = read()

        def engine() -> int:
            for begin in range(0, len(pictures), MOST_TOGETHER):
                with silent(), transient_features():
                    list(answers_of(version.model, DecodedImages(tuple(pictures[begin : begin + MOST_TOGETHER]))))
            return len(pictures)

        def both() -> int:
            with silent(), transient_features():
                run.predict(paths)
            return len(paths)

        works = {"engine on decoded pictures": engine, "decoding": lambda: len(read()), "run.predict on files": both}
        return {name: rate_of(work, seconds) for name, work in works.items()}


def memory_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000


def processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(run: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of a run as its own process, and its address."""
    command = [sys.executable, "-m", "headstart", "serve", str(run), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = ""
    while not text.endswith("}\n") or text.count("{") != text.count("}"):
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        text += line
    try:
        yield process, json.loads(text)["address"]
    finally:
        process.send_signal(signal.SIGTERM)
        print(f"SIGTERM: exit code {process.wait(60)}")


@contextmanager
def under_litserve(run: Path) -> Iterator[str]:
    """The address of the same model under LitServe."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks._litserve_app", str(run), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(1_200):
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def fitted_again(run: Path, stop: threading.Event) -> None:
    """Write the files of the run's model anew, as a fit does, every two seconds."""
    while not stop.wait(2.0):
        for path in sorted((run / "model").rglob("*"), key=lambda path: path.name == "model.json"):
            if path.is_file():
                temporary = path.with_name(f".{path.name}.new")
                shutil.copyfile(path, temporary)
                temporary.replace(path)


def throughput(address: str, contents: list[bytes], seconds: float) -> tuple[float, float, Load]:
    """Pictures a second under clients that always ask, processor seconds of the client a picture, and the load."""
    asyncio.run(Load(address, contents, FILES_A_REQUEST).closed(3.0, CLIENTS))
    load, used = Load(address, contents, FILES_A_REQUEST), time.process_time()
    rate = asyncio.run(load.closed(seconds, CLIENTS))
    return rate, (time.process_time() - used) / max(1, load.statuses[200] * FILES_A_REQUEST), load


def print_throughput(
    process: subprocess.Popen[str], address: str, contents: list[bytes], seconds: float, bare: dict[str, tuple[float, float]]
) -> float:
    used = processor_seconds(process.pid)
    rate, client, load = throughput(address, contents, seconds)
    each = (processor_seconds(process.pid) - used) / (load.statuses[200] * FILES_A_REQUEST) * seconds / (seconds + 3.0)
    engine, reading = bare["engine on decoded pictures"][0], bare["decoding"][0]
    possible = 1 / (1 / engine + 1 / reading)
    took = f"{each * 1e3:.2f} ms of processor time a picture, client {client * 1e3:.2f}"
    print(f"served: {rate:.0f} pictures/s; {dict(load.statuses)}; {took}")
    for name, (other, _) in bare.items():
        print(f"    {rate / other:.2f} of the bare rate of {name}")
    print(f"    {rate / possible:.2f} of {possible:.0f} pictures/s, what decoding and the engine leave possible")
    return rate


def measure(folder: Path, paths: list[Path], seconds: float, minutes: float) -> None:
    """Print what the bare engine and a server of a run do with the pictures."""
    contents = [path.read_bytes() for path in paths]
    about = f"{len(contents[0]) / 1000:.0f} KB a picture; {FILES_A_REQUEST} pictures a request; {CLIENTS} clients"
    print(f"{num_cores()} cores; {about}")
    bare = bare_rates(folder, paths, seconds)
    for name, (rate, each) in bare.items():
        print(f"bare, {name}: {rate:.0f} pictures/s, {each * 1e3:.2f} ms of processor time a picture")
    with served(folder) as (process, address):
        rate = print_throughput(process, address, contents, seconds, bare)
        steady = Load(address, contents, FILES_A_REQUEST)
        asyncio.run(steady.open(0.8 * rate, seconds))
        median, high = steady.percentile(50) * 1e3, steady.percentile(99) * 1e3
        spread = f"median {median:.0f} ms, p99 {high:.0f} ms: ratio {high / median:.1f}"
        print(f"80 % load: {spread}; {dict(steady.statuses)}")
        heavy = Load(address, contents, FILES_A_REQUEST)
        asyncio.run(heavy.open(2.0 * rate, seconds))
        print(f"twice the load: {dict(heavy.statuses)}; p99 of the answered {heavy.percentile(99) * 1e3:.0f} ms")
        stop = threading.Event()
        fitting = threading.Thread(target=fitted_again, args=(folder, stop))
        fitting.start()
        reloading = Load(address, contents, FILES_A_REQUEST)
        asyncio.run(reloading.closed(seconds, CLIENTS))
        stop.set()
        fitting.join()
        print(f"fitted again every two seconds: {dict(reloading.statuses)}")
        print_memory(process.pid, Load(address, contents, FILES_A_REQUEST), minutes)
    print_litserve(folder, contents, seconds, rate)


def print_memory(process: int, load: Load, minutes: float) -> None:
    sizes, end = [memory_megabytes(process)], time.perf_counter() + 60 * minutes
    while (left := end - time.perf_counter()) > 0:
        asyncio.run(load.closed(min(left, 60 * MINUTES_BETWEEN), CLIENTS))
        sizes.append(memory_megabytes(process))
    print(f"memory over {minutes:g} minutes of load, MB: {', '.join(f'{size:.0f}' for size in sizes)}; {dict(load.statuses)}")


def print_litserve(folder: Path, contents: list[bytes], seconds: float, ours: float) -> None:
    if importlib.util.find_spec("litserve") is None:
        print("LitServe is not installed: no ratio to it")
        return
    with under_litserve(folder) as address:
        rate, client, load = throughput(address, contents, seconds)
    took = f"client {client * 1e3:.2f} ms a picture"
    print(f"LitServe: {rate:.0f} pictures/s; {dict(load.statuses)}; {took}; ours is {ours / max(rate, 1e-9):.2f} times")


def main() -> None:
    given = arguments(__doc__ or "", seeds=1, seconds=15.0, run="")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        if given.run:
            shutil.copytree(given.run, folder)
        else:
            headstart.fit("emoji", method="ridge", pretrained="efficientnet_lite0", out=folder)
        (Path(place) / "pictures").mkdir()
        paths = photographs(Path(place) / "pictures")
        for _ in range(given.seeds):
            measure(folder, paths, given.seconds, given.minutes or 0.0)


if __name__ == "__main__":
    main()
