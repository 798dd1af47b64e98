"""Joining: one of several processes runs a program, and all of them run the fits that the program comes to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from headstart.core.errors import HeadstartError, TrainingError
from headstart.core.launched import Launched
from headstart.core.progress import silent
from headstart.training.loop import fit_for, trained_by
from headstart.training.processes import LOST, DismissedError, EndedError, Processes, fitting_on, leading


@contextmanager
def all_processes(launched: Launched) -> Iterator[bool]:
    """True in the first process, which runs the program inside; the others serve its fits until it is over, and get False.

    Args:
        launched: What this process is among them.

    Raises:
        TrainingError: The processes could not connect, or one was lost.
        PlanError: This machine cannot do it.
    """
    processes = Processes.met(launched)
    if processes.leads:
        with leading(processes):
            yield True
        return
    serve(processes)
    yield False


@contextmanager
def leading_at(place: str, count: int) -> Iterator[None]:
    """Inside, this process runs the program, and others that know where it is, HOST:PORT, serve its fits; see `serve_at`."""
    with leading(Processes.met(Launched(0, count, 0, 1), place)):
        yield


def serve_at(host: str, port: int, rank: int, count: int) -> None:
    """Serve the fits of a process elsewhere until its program is over."""
    serve(Processes.met(Launched(rank, count, 0, 1), f"{host}:{port}"))


def serve(processes: Processes) -> None:
    """Run the fits of the first process until its program is over."""
    with silent(), _without_interrupts():
        while True:
            try:
                _serve_fit(processes)
            except EndedError:
                processes.leave()
                return
            except DismissedError:
                continue
            except HeadstartError:  # it happens in the first process too, which tells it
                if processes.is_lost:
                    raise TrainingError(LOST) from None


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C, which reaches all processes, does nothing: what follows from it, the first one decides."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve_fit(processes: Processes) -> None:
    learner, streams, losses, training, after_step = processes.object("job")
    with fitting_on(processes):
        trained_by(fit_for(learner, streams, losses, training, None, after_step), streams)
