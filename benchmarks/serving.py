"""Serving against the bare engine: throughput, seconds at 80 % load, twice the load, and memory, in one run.

    python -m benchmarks.serving [--seconds 20] [--minutes-of-load 0] [--run RUN] [--seeds 1]

Expected: throughput at least 70 % of the bare engine's; the 99th percentile at 80 % load below five times the median; at twice
the load 429 and no other failure; memory flat. The client runs on the same machine, and takes a part of it. Without --run a ridge
head on EfficientNet-Lite0 is fitted to the embedded set first. --seeds repeats the measurement with a new server.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx2
import numpy as np
from PIL import Image

import headstart
from benchmarks.protocol import arguments
from headstart.features.store.transient import transient_features

NUM_PICTURES = 256
SIDE = 320
"""Of the photographs that are sent: JPEG files of about 40 KB."""
FILES_A_REQUEST = 4
CLIENTS = 16


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


def bare_rate(run: headstart.Run, paths: list[Path], seconds: float) -> tuple[float, float]:
    """Pictures a second of `predict` without features on disk, and processor seconds a picture."""
    with transient_features():
        run.predict(paths[:64])
    done, begun, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds:
        with transient_features():
            run.predict(paths)
        done += len(paths)
    return done / (time.perf_counter() - begun), (time.process_time() - used) / done


class Load:
    """Requests to a server, and what came of them."""

    def __init__(self, address: str, contents: list[bytes]) -> None:
        self.address, self.contents = address, contents
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.draw = random.Random(0)

    async def ask(self, client: httpx2.AsyncClient) -> None:
        files = [("files", (f"{n}.jpg", self.draw.choice(self.contents))) for n in range(FILES_A_REQUEST)]
        begun = time.perf_counter()
        try:
            status = (await client.post("/predict", files=files)).status_code
        except httpx2.HTTPError:
            status = 0
        self.statuses[status] += 1
        if status == 200:
            self.seconds.append(time.perf_counter() - begun)

    async def closed(self, seconds: float) -> float:
        """Pictures a second with so many clients, each of which asks again as soon as it has its answer."""
        end = time.perf_counter() + seconds
        async with httpx2.AsyncClient(base_url=self.address, timeout=60, limits=httpx2.Limits(max_connections=CLIENTS)) as client:

            async def one() -> None:
                while time.perf_counter() < end:
                    await self.ask(client)

            begun = time.perf_counter()
            await asyncio.gather(*(one() for _ in range(CLIENTS)))
            return self.statuses[200] * FILES_A_REQUEST / (time.perf_counter() - begun)

    async def open(self, pictures_a_second: float, seconds: float) -> None:
        """Requests at random moments, however many are unanswered (a Poisson process)."""
        limits = httpx2.Limits(max_connections=500)
        async with httpx2.AsyncClient(base_url=self.address, timeout=60, limits=limits) as client:
            end, tasks = time.perf_counter() + seconds, []
            due = time.perf_counter()
            while due < end:
                due += self.draw.expovariate(pictures_a_second / FILES_A_REQUEST)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.append(asyncio.ensure_future(self.ask(client)))
            await asyncio.gather(*tasks)

    def percentile(self, share: float) -> float:
        return float(np.percentile(self.seconds, share)) if self.seconds else float("nan")


def memory_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000


def processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def started(run: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "headstart", "serve", str(run), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = ""
    while not text.endswith("}\n") or text.count("{") != text.count("}"):
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        text += line
    return process, json.loads(text)["address"]


def measure(folder: Path, paths: list[Path], seconds: float, minutes_of_load: float) -> None:
    """Print what the bare engine and a server of a run do with the pictures."""
    contents = [path.read_bytes() for path in paths]
    print(f"{os.cpu_count()} cores; {len(contents[0]) / 1000:.0f} KB a picture; {FILES_A_REQUEST} pictures a request")
    bare, bare_seconds = bare_rate(headstart.Run.load(folder), paths, seconds)
    process, address = started(folder)
    try:
        asyncio.run(Load(address, contents).closed(2.0))
        load, used = Load(address, contents), processor_seconds(process.pid)
        rate = asyncio.run(load.closed(seconds))
        each = (processor_seconds(process.pid) - used) / (load.statuses[200] * FILES_A_REQUEST)
        print(f"throughput: bare engine {bare:.0f} pictures/s, served {rate:.0f}: ratio {rate / bare:.2f}")
        print(f"processor time a picture: bare {bare_seconds * 1e3:.2f} ms, server {each * 1e3:.2f} ms, the client not counted")
        steady = Load(address, contents)
        asyncio.run(steady.open(0.8 * rate, seconds))
        median, high = steady.percentile(50) * 1e3, steady.percentile(99) * 1e3
        spread = f"median {median:.0f} ms, p99 {high:.0f} ms: ratio {high / median:.1f}"
        print(f"80 % load: {spread}; {dict(steady.statuses)}")
        heavy, before = Load(address, contents), memory_megabytes(process.pid)
        asyncio.run(heavy.open(2.0 * rate, seconds))
        print(f"twice the load: {dict(heavy.statuses)}; p99 of the answered {heavy.percentile(99) * 1e3:.0f} ms")
        if minutes_of_load:
            asyncio.run(Load(address, contents).closed(60 * minutes_of_load))
        print(f"memory: {before:.0f} MB before, {memory_megabytes(process.pid):.0f} MB after")
    finally:
        process.send_signal(signal.SIGTERM)
        print(f"SIGTERM: exit code {process.wait(60)}")


def main() -> None:
    given = arguments(__doc__ or "", seeds=1, seconds=15.0, minutes_of_load=0.0, run="")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(given.run or f"{place}/run")
        if not given.run:
            headstart.fit("emoji", method="ridge", pretrained="efficientnet_lite0", out=folder)
        (Path(place) / "pictures").mkdir()
        paths = photographs(Path(place) / "pictures")
        for _ in range(given.seeds):
            measure(folder, paths, given.seconds, given.minutes_of_load)


if __name__ == "__main__":
    main()
