"""Training processes: those that train a network together with this one, on the nodes of a cluster.

Ray starts them and gives each its cores and its GPU. What they say to each other goes through `torch.distributed`, as on one
machine. Ray Train does the same start, but wants the whole program on the cluster, and data and results on a disk that all share.
"""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from headstart.cluster.connection import Connection
from headstart.cluster.worker import called, settings_of_caller
from headstart.core.errors import PlanError, TrainingError
from headstart.core.progress import note
from headstart.core.stopping import stop_if_asked

ENDING_SECONDS = 10.0
"""How long the others may take to end before they are ended. Chosen, not measured."""

STARTING_SECONDS = 300.0
"""How long they may wait for cores, and load what they need. Chosen, not measured."""
POLL_SECONDS = 1.0
"""So often it is looked whether the user wants to stop."""


def num_workers(connection: Connection, threads: int) -> int:
    """The processes of so many threads that the nodes have cores for."""
    return sum(int(node.cores) // threads for node in connection.nodes())


def check_room(connection: Connection, count: int, threads: int, has_gpu: bool) -> None:
    """Refuse more processes than the nodes have cores or GPUs for, and GPUs on one side alone.

    Args:
        connection: Of the cluster.
        count: Processes, this one included.
        threads: Of each.
        has_gpu: Whether this process has a GPU.

    Raises:
        PlanError: It cannot be done; the sentence says what could.
    """
    room = num_workers(connection, threads)
    gpus = sum(node.gpus for node in connection.nodes())
    if has_gpu != (gpus >= 1):
        met = "this process has a GPU while no node has"
        if not has_gpu:
            met = f"the nodes have {gpus:g} GPUs while this process has none"
        raise PlanError(
            f"All processes of a training compute alike, and {met}. Start the command on a node with a GPU, or hide the GPUs "
            "with CUDA_VISIBLE_DEVICES=."
        )
    if has_gpu:
        room = min(room, int(gpus))
    if count - 1 > room:
        raise PlanError(
            f"{count} processes are this one and {count - 1} on the cluster, which has room for {room} of {threads} cores each. "
            f"Lower --processes to {room + 1}, or add nodes."
        )


@contextmanager
def started_beside(
    connection: Connection, serve: Callable[[str, int, int, int], None], count: int, threads: int, has_gpu: bool
) -> Iterator[tuple[str, int]]:
    """Inside, the other processes of a training run on the cluster.

    Args:
        connection: Of the cluster.
        serve: Is called there with host and port of this process, the number of the process and their count.
        count: Processes, this one included.
        threads: Of each.
        has_gpu: Whether each has a GPU.

    Yields:
        Where they look for this process.

    Raises:
        PlanError: The cluster has no room for them now.
        TrainingError: One of them could not start.
    """
    import ray  # noqa: PLC0415 - only where a cluster is asked for

    host, port = own_address(connection.address, [node.host for node in connection.nodes()]), free_port()
    options: dict[str, Any] = {"num_cpus": threads, "num_gpus": int(has_gpu), "scheduling_strategy": "SPREAD"}
    settings = settings_of_caller(threads, connection.versions)
    remote = ray.remote(TrainingProcess).options(**options, max_restarts=0, max_task_retries=0)
    begun: list[Any] = []
    serving: list[Any] = []

    def begin(number: int) -> list[Any]:
        new: list[Any] = [remote.remote(settings) for _ in range(number)]
        begun.extend(new)
        _wait_until_started(connection, [one.start.remote(serve) for one in new])
        return new

    try:
        others = begin(count - 1)
        if has_gpu:
            places = ray.get([one.gpu.remote() for one in others])
            others = [one for one, place in zip(others, places, strict=True) if place != own_gpu()]
            others += begin(count - 1 - len(others))  # one that has this process's GPU keeps it from being given out again
        serving += [one.serve.remote(serve, host, port, rank, count) for rank, one in enumerate(others, 1)]
        note(f"Training on {count} processes: this one and {count - 1} on the cluster at {connection.address}.")
        yield host, port
    finally:
        with contextlib.suppress(ConnectionError, ray.exceptions.RayError):
            if serving:
                ray.wait(serving, num_returns=len(serving), timeout=ENDING_SECONDS)
            for one in begun:
                ray.kill(one)


class TrainingProcess:
    """A process on a node, which serves the fits of the one that asked for it.

    Args:
        settings: What `settings_of_caller` gives there.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def start(self, serve: Callable[..., None]) -> None:
        """Check what is installed, and load what serves, which the argument does."""
        called(self.settings, callable, serve)

    def gpu(self) -> tuple[str, str]:
        """See `own_gpu`."""
        return own_gpu()

    def serve(self, serve: Callable[[str, int, int, int], None], host: str, port: int, rank: int, count: int) -> None:
        """Serve until the program of the other process is over."""
        called(self.settings, serve, host, port, rank, count)


def own_gpu() -> tuple[str, str]:
    """The machine of this process, and the number there of the first GPU that it sees, which it trains on."""
    return platform.node(), os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]


def _wait_until_started(connection: Connection, starting: list[Any]) -> None:
    """Return once all processes run; an error where one ended, or where they wait for cores that others use."""
    import ray  # noqa: PLC0415 - only where a cluster is asked for

    begun = time.monotonic()
    waiting = starting
    while waiting:
        ended, waiting = ray.wait(waiting, timeout=POLL_SECONDS)
        try:
            ray.get(ended)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).split()).split(". ")[0].rstrip(".")
            raise TrainingError(
                f"A process of the training did not start on the cluster ({reason}). Free memory there, or lower --processes."
            ) from error
        stop_if_asked()
        if waiting and time.monotonic() - begun > STARTING_SECONDS:
            raise PlanError(
                f"Processes of the training do not start on the cluster at {connection.address}: {len(waiting)} of "
                f"{len(starting)} have waited for cores or GPUs for {STARTING_SECONDS / 60:g} minutes. "
                "Others use them. End what runs there, or lower --processes."
            )


def own_address(client: str, hosts: Iterable[str]) -> str:
    """The address of this machine that the nodes of a cluster reach.

    Args:
        client: The cluster's client port as ray://HOST:PORT. On the head, and through a tunnel, HOST is this machine for itself.
        hosts: Addresses of the nodes.

    Returns:
        The address on the way to the client port, or to the first node that is not reached within this machine alone.
    """
    host, _, port = client.removeprefix("ray://").rpartition(":")
    found = [address_towards(host, int(port)), *(address_towards(other, int(port)) for other in hosts)]
    return next((address for address in found if not ip_address(address).is_loopback), found[0])


def address_towards(host: str, port: int) -> str:
    """The address of this machine on the way to a host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))  # sends nothing
        return str(probe.getsockname()[0])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
