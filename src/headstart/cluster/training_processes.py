"""Training processes: those that train a network together with this one, on the nodes of a cluster.

Ray starts them and gives each its cores and its GPU. What they say to each other goes through `torch.distributed`, as on one
machine. Ray Train does the same start, but wants the whole program on the cluster, and data and results on a disk that all share.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from headstart.cluster.connection import Connection
from headstart.cluster.worker import called, settings_of_caller
from headstart.core.errors import PlanError
from headstart.core.progress import note

ENDING_SECONDS = 10.0
"""How long the others may take to end before they are ended. Chosen, not measured."""


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
    """
    import ray  # noqa: PLC0415 - only where a cluster is asked for

    host, port = own_address(connection.address), free_port()
    options: dict[str, Any] = {"num_cpus": threads, "max_retries": 0, "scheduling_strategy": "SPREAD"}
    remote = ray.remote(called).options(**options, num_gpus=int(has_gpu), name="training process")
    settings = settings_of_caller(threads, connection.versions)
    others = [remote.remote(settings, serve, host, port, rank, count) for rank in range(1, count)]
    note(f"Training on {count} processes: this one and {count - 1} on the cluster at {connection.address}.")
    try:
        yield host, port
    finally:
        with contextlib.suppress(ConnectionError, ray.exceptions.RayError):
            _, late = ray.wait(others, num_returns=len(others), timeout=ENDING_SECONDS) if others else ([], [])
            for one in late:
                ray.cancel(one, force=True)


def own_address(client: str) -> str:
    """The address of this machine on the way to the cluster's client port, given as ray://HOST:PORT."""
    host, _, port = client.removeprefix("ray://").rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, int(port)))  # sends nothing
        return str(probe.getsockname()[0])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
