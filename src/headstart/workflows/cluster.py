"""Cluster: a workflow's steps on the nodes of a Ray cluster, which are checked before anything is spent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headstart.core.errors import DataError, HeadstartError
from headstart.data.images import ImageSet
from headstart.data.task import Task

PROBED = 3
"""Pictures of each set that every node has to read."""


@contextmanager
def on_cluster(address: str | None, task: Task) -> Iterator[None]:
    """Inside, steps run on the cluster at an address; in this process where that is None.

    Args:
        address: "auto", ray://HOST:PORT, or None.
        task: What is to be learned; every node has to see its pictures.

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

    with ray_executor.on_cluster(address) as executor:
        samples = [rows.spaced(PROBED).without_labels() for rows in (task.labeled, task.pool, task.test, task.source) if rows]
        for node, fault in executor.on_each_node(why_unreadable, samples).items():
            if fault:
                raise DataError(
                    f"Node {node} of the cluster cannot read the pictures ({fault}). Put them where all nodes see them under the "
                    "same path, or on an object store, and give its address."
                )
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
