"""A client that costs little beside the server: bodies are made before, and answers are read without being taken apart."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from urllib.parse import urlsplit

import numpy as np

BOUNDARY = "b0b1b2b3b4b5b6b7"
NO_ANSWER = 0
"""Stands for a connection that broke."""


def form_of(contents: list[bytes], path: str, host: str) -> bytes:
    """A whole request with files, as bytes."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{place}.jpg"\r\n'
        f"Content-Type: image/jpeg\r\n\r\n".encode()
        + content
        + b"\r\n"
        for place, content in enumerate(contents)
    ]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


IDLE_SECONDS = 3.0
"""A connection that was idle for longer is opened again: servers close theirs after a few seconds."""


class Connection:
    """One connection that is kept open, and opened again where it broke or was idle."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.used = 0.0
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> int:
        """The status of the answer."""
        if time.perf_counter() - self.used > IDLE_SECONDS:
            self.close()
        try:
            if self.streams is None:
                self.streams = await asyncio.open_connection(self.host, self.port, limit=2**20)
            reader, writer = self.streams
            writer.write(request)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            self.used = time.perf_counter()
            if b"connection: close" in head:
                self.close()
            return int(head[9:12])
        except (OSError, ValueError, asyncio.IncompleteReadError):
            self.close()
            return NO_ANSWER

    def close(self) -> None:
        """Close it."""
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


class Load:
    """Requests to a server, and what came of them.

    Args:
        address: Of the server.
        contents: Files, of which each request has some.
        files: How many.
        path: Where they are sent.
    """

    def __init__(self, address: str, contents: list[bytes], files: int, path: str = "/predict") -> None:
        place = urlsplit(address)
        self.host, self.port, self.files = place.hostname or "", place.port or 80, files
        draw = random.Random(0)
        self.requests = [form_of(draw.sample(contents, files), path, place.netloc) for _ in range(256)]
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.draw = random.Random(1)

    async def _ask(self, connection: Connection) -> None:
        begun = time.perf_counter()
        status = await connection.ask(self.draw.choice(self.requests))
        self.statuses[status] += 1
        if status == 200:
            self.seconds.append(time.perf_counter() - begun)

    async def closed(self, seconds: float, clients: int) -> float:
        """Pictures a second with so many clients, each of which asks again as soon as it has its answer."""
        end = time.perf_counter() + seconds

        async def one() -> None:
            connection = Connection(self.host, self.port)
            while time.perf_counter() < end:
                await self._ask(connection)
            connection.close()

        before, begun = self.statuses[200], time.perf_counter()
        await asyncio.gather(*(one() for _ in range(clients)))
        return (self.statuses[200] - before) * self.files / (time.perf_counter() - begun)

    async def open(self, pictures_a_second: float, seconds: float) -> None:
        """Requests at random moments, however many are unanswered (a Poisson process)."""
        free: list[Connection] = []

        async def one() -> None:
            connection = free.pop() if free else Connection(self.host, self.port)
            await self._ask(connection)
            free.append(connection)

        due = begun = time.perf_counter()
        tasks = []
        while due < begun + seconds:
            due += self.draw.expovariate(pictures_a_second / self.files)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.ensure_future(one()))
        await asyncio.gather(*tasks)
        for connection in free:
            connection.close()

    def percentile(self, share: float) -> float:
        """Of the seconds of answered requests."""
        return float(np.percentile(self.seconds, share)) if self.seconds else float("nan")
