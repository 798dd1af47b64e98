"""Server: an application on a socket, until a signal ends it."""

from __future__ import annotations

import ctypes
import errno
import logging
import math
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from headstart.core.errors import PlanError
from headstart.serving.service import Service

MOST_CONNECTIONS = 1_000
"""That wait to be accepted."""
M_MMAP_THRESHOLD = -3
"""The option of `mallopt` of glibc for the size from which blocks are mapped, each by itself."""
SECONDS_TO_END = 1
"""In which requests that the deadline found unanswered are refused, and connections closed."""
LARGE_BYTES = 8 * 2**20
"""Such blocks; Pillow takes memory in blocks of 16 MB."""


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there; `PlanError` where the port is in use or the address is none of this machine."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
    except socket.gaierror:
        raise PlanError(f'"{host}" is not an address of this machine. Give --host 127.0.0.1 or 0.0.0.0.') from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PlanError(f"Port {port} of {host} is in use. Choose another one with --port, or 0 for a free one.") from None
        raise PlanError(f"Port {port} of {host} cannot be opened ({error.strerror}). Choose another --host or --port.") from None


def address_of(sock: socket.socket) -> str:
    """The address for a browser on this machine."""
    return address_at(*sock.getsockname()[:2])


def address_at(host: str, port: int) -> str:
    """The address for a browser on the machine that listens there."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  it is read
    return f"http://{shown}:{port}"


def serve_on(sock: socket.socket, app: FastAPI, service: Service, started: Callable[[], None] | None = None) -> None:
    """Answer requests until SIGTERM or Ctrl-C; those that were begun are answered first, for at most the service's deadline.

    Meanwhile `/ready` says that the server is stopping, and new requests are refused. What is not answered by then has a second
    to be refused. A second signal gives up what was begun at once.

    Args:
        sock: That listens.
        app: That answers.
        service: That it answers for.
        started: Called once requests are answered and signals are waited for.
    """
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each malformed form
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
    _return_large_blocks()
    with _signals_end_it():
        _Server(config, service, started).run(sockets=[sock])


class _Server(uvicorn.Server):
    """A server that goes on listening until what was begun is answered.

    Args:
        config: Of uvicorn.
        service: That answers.
        started: Called once it listens.
    """

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._service = service
        self._started = started
        self._end = math.inf

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._started is not None:
            self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._service.draining:
            self.should_exit = True
            self.config.timeout_graceful_shutdown = 0
        else:
            self._service.draining = True
            self._end = time.monotonic() + self._service.limits.deadline_seconds

    async def on_tick(self, counter: int) -> bool:
        if self._service.draining and (self._service.num_begun == 0 or time.monotonic() > self._end):
            self.should_exit = True
        return bool(await super().on_tick(counter))


def _return_large_blocks() -> None:
    """Let the allocator of glibc give large blocks back to the system as soon as they are freed; elsewhere nothing changes.

    It keeps blocks of up to 32 MB by itself once some were freed: after pictures of 39 megapixels a server kept 1,200 MB.
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Inside, a signal that uvicorn has handled, and raises again at the end, ends nothing more: the process exits with 0."""

    def handled(number: int, frame: Any) -> None: ...

    before = {number: signal.signal(number, handled) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
