"""Server: an application on a socket, until a signal ends it."""

from __future__ import annotations

import errno
import logging
import math
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from headstart.core.errors import PlanError

MOST_CONNECTIONS = 1_000
"""That wait to be accepted."""


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
    host, port = sock.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  it is read
    return f"http://{shown}:{port}"


def serve_on(sock: socket.socket, app: FastAPI, drain_seconds: float) -> None:
    """Answer requests until SIGTERM or Ctrl-C; those that were begun are answered first, for at most so many seconds."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each malformed form
    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, timeout_graceful_shutdown=math.ceil(drain_seconds)
    )
    with _signals_end_it():
        uvicorn.Server(config).run(sockets=[sock])


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
