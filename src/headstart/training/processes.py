"""Processes: several of them train one network together; the first one runs the program, the others serve its fits.

Whatever the others wait for, they wait for the next message of the first one, however long it takes; messages are numbered, and
every process takes each of them. Only what follows a message is collective and has to come within `STEP_SECONDS`.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from headstart.core.errors import HeadstartError, PlanError, TrainingError
from headstart.core.launched import Launched, check_connected, note_connected

STEP_SECONDS = 600.0
"""A process that has not answered the others for so long, in the middle of a step, counts as lost. Chosen, not measured."""
MEETING = timedelta(seconds=300)
"""How long the processes wait for each other at the beginning; torchrun waits as long. Chosen, not measured."""
WAITING_SECONDS = 3600.0
"""After so long a wait for a message is begun anew; it ends at once where the first process is gone."""
LEAVING_SECONDS = 10.0
"""How long the first process, which may keep the messages, waits at the end until the others have read the last one."""
CHUNK_BYTES = 64_000_000
"""Bytes of an array that are sent at a time; so much is copied."""
IN_MEMORY_BYTES = 1_000_000_000
"""Arrays of more bytes are a memory map where they are received."""
LOST = (
    "A process of the training was lost, or did not answer for 10 minutes. "
    "Start the same command again: it goes on from the last checkpoint."
)


class DismissedError(Exception):
    """Raised where a process serves: the first one has ended the fit."""


class EndedError(Exception):
    """Raised where a process serves: the program is over."""


@dataclass
class Processes:
    """The processes that train together, seen from one of them.

    Attributes:
        launched: What this one is among them; number 0 runs the program.
        store: Where messages are left.
        is_stepping: Whether this process is between two messages, where all work together.
        is_lost: Whether a process is gone, so that no more can be done together.
    """

    launched: Launched
    store: Any
    is_stepping: bool = False
    is_lost: bool = False
    _number: int = field(default=0, repr=False)

    @classmethod
    def met(cls, launched: Launched, place: str = "") -> Processes:
        """The processes, once all of them are there.

        Args:
            launched: What this one is among them.
            place: HOST:PORT of the first one; that of the environment variables where it is empty.

        Returns:
            The processes, seen from this one.

        Raises:
            PlanError: PyTorch cannot connect processes here, or they have too few GPUs.
            TrainingError: Not all of them came.
        """
        check_machine(launched)
        backend = "gloo"
        if torch.cuda.is_available():
            backend = "cpu:gloo,cuda:nccl"
            torch.cuda.set_device(launched.local_rank)
        try:
            ways = rendezvous(f"tcp://{place}" if place else "env://", launched.rank, launched.count, timeout=MEETING)
            store, _, _ = next(ways)
            distributed.init_process_group(
                backend,
                store=PrefixStore("group", store),
                rank=launched.rank,
                world_size=launched.count,
                timeout=timedelta(seconds=STEP_SECONDS),
            )
        except (RuntimeError, ValueError) as error:
            place = place or f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
            raise TrainingError(
                f"The {launched.count} processes could not connect at {place} ({str(error).splitlines()[0]}). "
                "Start all of them with one torchrun, or name an address that every machine reaches."
            ) from None
        note_connected(True, launched)
        return cls(launched, PrefixStore("headstart", store))

    @property
    def rank(self) -> int:
        """The number of this one."""
        return self.launched.rank

    @property
    def count(self) -> int:
        """How many there are."""
        return self.launched.count

    @property
    def leads(self) -> bool:
        """Whether this process runs the program."""
        return self.rank == 0

    def say(self, what: str, **values: Any) -> None:
        """Leave the next message; the first process alone does."""
        try:
            self.store.set(str(self._number), json.dumps({"what": what, **values}))
            if self._number > 1:
                self.store.delete_key(str(self._number - 2))  # everybody took part in what the message after it said
        except RuntimeError as error:
            raise self._lost() from error
        self._number += 1

    def _lost(self) -> TrainingError:
        self.is_lost = True
        return TrainingError(LOST)

    def next_message(self) -> dict[str, Any]:
        """The next message of the first process, which may take hours to come."""
        key = str(self._number)
        while True:
            begun = time.monotonic()
            try:
                self.store.wait([key], timedelta(seconds=WAITING_SECONDS))
                found: dict[str, Any] = json.loads(self.store.get(key))
            except RuntimeError as error:
                if time.monotonic() - begun < WAITING_SECONDS / 2:  # nobody leaves messages any more
                    raise self._lost() from error
                continue
            self._number += 1
            if found["what"] == "over":
                raise DismissedError
            if found["what"] == "end":
                raise EndedError
            return found

    def end(self) -> None:
        """Let the others go, and wait a moment until they have read it; not where a process was lost."""
        note_connected(False, self.launched)
        if self.is_lost:
            return
        self.say("end")
        with suppress(RuntimeError):
            self.store.wait([f"left {rank}" for rank in range(1, self.count)], timedelta(seconds=LEAVING_SECONDS))
        distributed.destroy_process_group()

    def leave(self) -> None:
        """End as a process that was let go."""
        note_connected(False, self.launched)
        with suppress(RuntimeError):
            self.store.set(f"left {self.rank}", "")
        distributed.destroy_process_group()

    @contextmanager
    def collective(self) -> Iterator[None]:
        """Inside, all processes do the same; where one fails alone, the others cannot go on."""
        self.is_stepping = True
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, TrainingError) or not _is_of_connection(error):
                raise
            raise self._lost() from error
        self.is_stepping = False

    def object(self, what: str, made: Any = None) -> Any:
        """What the first process made, here too."""
        if self.leads:
            pickle.dumps(made)  # fails before anybody waits for it
            self.say(what)
        else:
            self.next_message()
        box = [made]
        with self.collective():
            distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
            distributed.all_reduce(torch.zeros(1))  # until all have it; a barrier would use GPUs that are not chosen yet
        return box[0]

    def _broadcast(self, array: Any) -> None:
        """Fill an array with what the first process has in it, chunk by chunk."""
        for chunk in _chunks(array):
            sent = torch.from_numpy(np.array(chunk))
            distributed.broadcast(sent, src=0)
            if not self.leads:
                chunk[:] = sent.numpy()

    def array(self, make: Callable[[], Any]) -> Any:
        """An array that the first process makes, here too: the others read its file if all see it, and else receive it."""
        if self.leads:
            with fitting_on(None):  # whatever it is made of is made here alone
                array = make()
            path = str(array.filename) if isinstance(array, np.memmap) and isinstance(array.filename, str | Path) else ""
            self.say("array", shape=array.shape, dtype=array.dtype.str, path=path, host=socket.gethostname())
            with self.collective():
                if self._everybody_sees(True):
                    return array
                self._broadcast(array)
            return array
        said = self.next_message()
        with self.collective():
            file, shape, dtype = Path(said["path"]), tuple(said["shape"]), np.dtype(said["dtype"])
            if self._everybody_sees(bool(said["path"]) and said["host"] == socket.gethostname() and file.exists()):
                return np.memmap(file, dtype, "r", shape=shape)
            array = _room(shape, dtype)
            self._broadcast(array)
        return array

    def _everybody_sees(self, sees: bool) -> bool:
        seen = torch.tensor([float(sees)])
        distributed.all_reduce(seen, distributed.ReduceOp.MIN)
        return bool(seen[0])

    def agreed(self, values: list[tuple[str, float]]) -> list[tuple[str, float]]:
        """The first process's values, so that all decide alike.

        Args:
            values: This process's, each with its name.

        Returns:
            The names with the first process's values.

        Raises:
            TrainingError: The values of two processes differ by more than rounding.
        """
        own = torch.tensor([value for _, value in values], dtype=torch.float64)
        found = [torch.empty_like(own) for _ in range(self.count)]
        distributed.all_gather(found, own)
        for rank, other in enumerate(found):
            if not torch.allclose(other, found[0], rtol=AGREEMENT, atol=AGREEMENT, equal_nan=True):
                place = int((other - found[0]).abs().nan_to_num().argmax())
                losses = f"{values[place][0]}={float(found[0][place]):g} and {float(other[place]):g}"
                raise TrainingError(
                    f"Processes 0 and {rank} computed different losses of the same batch ({losses}). "
                    "Give every machine the same version of headstart and PyTorch, or train in one process."
                )
        return [(name, float(value)) for (name, _), value in zip(values, found[0], strict=True)]


AGREEMENT = 1e-3
"""Largest difference between the losses of two processes, relative and absolute. Processors of different makes differ by 1e-6 in
float32 and by 1e-4 in bf16; different random draws, or data, by far more. Chosen, not measured."""


@contextmanager
def in_step(processes: Processes | None) -> Iterator[None]:
    """Inside, all processes work together, once the first one has told the others to; None for one."""
    if processes is None:
        yield
        return
    if processes.leads:
        processes.say("step")
    else:
        processes.next_message()
    with processes.collective():
        yield


_LED: list[Processes] = []
"""The processes that this one leads, while it runs the program."""
_OF_FIT: ContextVar[Processes | None] = ContextVar("processes of this fit", default=None)


def processes_of_fit() -> Processes | None:
    """The processes that the fit under way runs on; None for one."""
    return _OF_FIT.get()


@contextmanager
def fitting_on(processes: Processes | None) -> Iterator[None]:
    """Inside, `processes_of_fit` gives those processes."""
    token = _OF_FIT.set(processes)
    try:
        yield
    finally:
        _OF_FIT.reset(token)


@contextmanager
def leading(processes: Processes) -> Iterator[None]:
    """Inside, this process runs the program, and its fits run on all processes; the others are let go at the end."""
    _LED.append(processes)
    try:
        yield
    finally:
        _LED.remove(processes)
        processes.end()


@contextmanager
def joined_by_others(job: tuple[Any, ...]) -> Iterator[None]:
    """Inside, the processes that this one leads run the same fit, which is made of the job; does nothing where there are none.

    Args:
        job: The first arguments of `train`, and what is called after each step.

    Raises:
        TrainingError: The job cannot be sent, or a process was lost.
    """
    if not _LED or processes_of_fit() is not None:
        check_connected()
        yield
        return
    processes = _LED[-1]
    if processes.is_lost:
        raise TrainingError(LOST)
    try:
        processes.object("job", job)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TrainingError(f"The fit cannot be sent to other processes ({error}). Train in one process.") from error
    with fitting_on(processes):
        try:
            yield
        except BaseException as error:
            _dismiss(processes, error)
            raise


def _dismiss(processes: Processes, error: BaseException) -> None:
    """Let the others leave a fit that ended early here: by a message where they wait for one, and else by hanging up."""
    if processes.is_lost:
        return
    if processes.is_stepping and not isinstance(error, HeadstartError):
        processes.is_lost = True
        distributed.destroy_process_group()
        return
    processes.is_stepping = False
    processes.say("over")


def made_once(make: Callable[[], Any]) -> Any:
    """An array that is made in the first of the processes of a fit, and given to the others."""
    processes = processes_of_fit()
    return make() if processes is None else processes.array(make)


def check_machine(launched: Launched) -> None:
    """Refuse processes that cannot be connected, or that would share a GPU."""
    if not distributed.is_available() or not distributed.is_gloo_available():
        raise PlanError("This build of PyTorch has no gloo, which connects processes. Install another one, or run one process.")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus and launched.local_count > gpus:
        raise PlanError(
            f"{launched.local_count} processes were started on this machine, which has {gpus} GPUs. "
            f"Start one a GPU (--nproc_per_node {gpus}), or hide them with CUDA_VISIBLE_DEVICES=."
        )
    if gpus and not distributed.is_nccl_available():
        raise PlanError(
            "This build of PyTorch has no NCCL, which connects GPUs. Install another one, or hide the GPUs with "
            "CUDA_VISIBLE_DEVICES=."
        )


def _is_of_connection(error: RuntimeError) -> bool:
    """Whether the error of a collective operation says that another process is gone."""
    words = ("connection closed", "connection reset", "timed out", "timeout", "broken pipe", "nccl", "gloo")
    text = str(error).lower()
    if any(word in text for word in ("invalid usage", "invalid argument", "duplicate gpu")):  # of NCCL: nobody is gone
        return False
    return isinstance(error, distributed.DistError) or any(word in text for word in words)


def _room(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    if np.prod(shape, dtype=np.int64) * dtype.itemsize <= IN_MEMORY_BYTES:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as stream:
        stream.truncate(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        return np.memmap(stream, dtype, "r+", shape=shape)


def _chunks(array: Any) -> Iterator[Any]:
    """The bytes of an array, in pieces that are views of it."""
    flat = array.reshape(-1).view(np.uint8)
    for start in range(0, len(flat), CHUNK_BYTES):
        yield flat[start : start + CHUNK_BYTES]
