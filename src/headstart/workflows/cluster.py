"""Cluster: a workflow's steps on the nodes of a Ray cluster, which are checked before anything is spent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from headstart.backbones.engines.machine import machine_fingerprint
from headstart.cluster.account import PRICE_VARIABLE, price_from
from headstart.core.errors import DataError, HeadstartError, PlanError
from headstart.core.launched import launched
from headstart.core.progress import note
from headstart.data.images import ImageSet
from headstart.data.task import Task

PROBED = 3
"""Pictures of each set that every node has to read."""


@contextmanager
def on_cluster(address: str | None, data: Task | ImageSet) -> Iterator[None]:
    """Inside, steps run on the cluster at an address; in this process where that is None.

    Args:
        address: "auto", ray://HOST:PORT, or None.
        data: What is worked on; every node has to see its pictures.

    Yields:
        Nothing.

    Raises:
        MissingExtraError: Ray is not installed.
        PlanError: The cluster cannot be reached or used.
        DataError: A node cannot read the pictures.
    """
    if address is None:
        yield
        return
    from headstart.cluster import ray_executor  # noqa: PLC0415 - only where a cluster is asked for

    price_from(os.environ.get(PRICE_VARIABLE, ""))  # refused before hours are spent, and not after
    with ray_executor.on_cluster(address) as executor:
        sets = (data.labeled, data.pool, data.test, data.source) if isinstance(data, Task) else (data,)
        samples = [rows.spaced(PROBED).without_labels() for rows in sets if rows]
        for node, fault in executor.on_each_node(why_unreadable, samples).items():
            if fault:
                raise DataError(
                    f"Node {node} of the cluster cannot read the pictures ({fault}). Put them where all nodes see them under the "
                    "same path, or on an object store, and give its address."
                )
        if set(executor.on_each_node(machine_fingerprint).values()) != {machine_fingerprint()}:
            executor.is_uniform = False
            note("Nodes differ from this machine: results are equal up to rounding, and steps of this run stay with it.")
        yield


def check_processes(cluster: str | None, processes: int | None) -> None:
    """Refuse a number of processes that nothing would start, and processes that were started already.

    Args:
        cluster: Its address.
        processes: Their number.

    Raises:
        PlanError: It cannot be done; the sentence says what could.
    """
    if processes is not None and cluster is None:
        raise PlanError(
            f"processes = {processes} needs a cluster to start them on. Name one with --cluster, or start them here with "
            f"`torchrun --nproc_per_node {processes} -m headstart`."
        )
    if cluster is not None and launched() is not None:
        raise PlanError("This is one of several processes already. Leave torchrun out, or --cluster.")


@contextmanager
def training_on_cluster(address: str | None, count: int | None) -> Iterator[None]:
    """Inside, networks are trained by this process and others on the cluster; by this one where the address is None.

    Args:
        address: "auto", ray://HOST:PORT, or None.
        count: Processes, this one included; by default one for every share of cores that the nodes have.

    Yields:
        Nothing.

    Raises:
        MissingExtraError: Ray is not installed.
        PlanError: The cluster cannot be reached, or has no room.
        TrainingError: The processes do not reach each other.
    """
    if address is None:
        yield
        return
    import torch  # noqa: PLC0415 - only where a cluster is asked for

    from headstart.cluster.connection import connected  # noqa: PLC0415
    from headstart.cluster.training_processes import check_room, num_workers, started_beside  # noqa: PLC0415
    from headstart.training.joining import leading_at, serve_at  # noqa: PLC0415

    with connected(address) as connection:
        threads, has_gpu = torch.get_num_threads(), torch.cuda.is_available()
        total = count or max(1, num_workers(connection, threads))
        check_room(connection, total, threads, has_gpu)
        if total == 1:
            yield
            return
        with started_beside(connection, serve_at, total, threads, has_gpu) as (host, port), leading_at(f"{host}:{port}", total):
            yield


def why_unreadable(samples: list[ImageSet]) -> str:
    """Why a picture of the samples cannot be read here; empty where all can."""
    for sample in samples:
        for row in range(len(sample)):
            try:
                if not sample.images.embedded:
                    sample.images.read(row)
            except (HeadstartError, OSError) as error:
                return str(error)
    return ""
