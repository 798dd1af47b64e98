"""Placing: where on a cluster a server may be, checked before anything is started."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from headstart.cluster.connection import Connection
from headstart.core.errors import PlanError

NAME = "headstart"
"""Of the application of Ray Serve; there is one on a cluster, at the root of its address."""
LOCAL = ("127.0.0.1", "localhost", "::1")
"""Addresses that no other machine reaches."""
CONTROLLER = "SERVE_CONTROLLER_ACTOR"
"""The actor of Ray Serve that knows where it listens."""
REPLICA_BYTES = 700 * 10**6
"""Memory of a replica without models, of which 480 were measured with a model that has no network."""
TIMES_WEIGHTS = 3
"""Memory of a replica beyond that, as a multiple of the bytes of its models: a new one is loaded while the old one answers."""


class Scale(NamedTuple):
    """How much of a cluster a server uses.

    Attributes:
        least: Replicas at any time.
        most: Replicas under load.
        cores: Of each.
        memory_bytes: Of each.
    """

    least: int
    most: int
    cores: float
    memory_bytes: int

    @classmethod
    def of(cls, replicas: str, cores: float, weight_bytes: int) -> Scale:
        """The scale that options say.

        Args:
            replicas: A number, or two as LEAST..MOST.
            cores: Of each.
            weight_bytes: Of all models that are served.

        Returns:
            The scale.

        Raises:
            PlanError: The replicas are no such numbers.
        """
        ends = replicas.split("..")
        if len(ends) > 2 or not all(end.isascii() and end.isdigit() for end in ends) or not 1 <= int(ends[0]) <= int(ends[-1]):
            raise PlanError(f'--replicas "{replicas}" is no number of replicas. Write one, such as 2, or two, such as 1..4.')
        return cls(int(ends[0]), int(ends[-1]), cores, REPLICA_BYTES + TIMES_WEIGHTS * weight_bytes)


def what_serve_has() -> tuple[tuple[str, int] | None, bool]:
    """Host and port of Ray Serve, None where it does not run, and whether it has a server. To be called on the cluster."""
    import ray  # noqa: PLC0415
    from ray import serve  # noqa: PLC0415

    try:
        controller: Any = ray.get_actor(CONTROLLER, namespace="serve")
        listens: Any = ray.get(controller.get_http_config.remote())
    except (ValueError, ray.exceptions.RayActorError):
        return None, False
    return (str(listens.host), int(listens.port)), NAME in serve.status().applications


def free_port(host: str, port: int) -> int:
    """That port of this machine, or a free one instead of 0; `PlanError` where it is in use."""
    from headstart.serving.server import bound_socket  # noqa: PLC0415

    with bound_socket(host, port) as sock:
        return int(sock.getsockname()[1])


def check_size(connection: Connection, scale: Scale) -> None:
    """`PlanError` where the least number of replicas has no room in the whole cluster."""
    nodes = connection.nodes()
    there = {"cores": sum(node.cores for node in nodes), "GB": sum(node.memory_bytes for node in nodes) / 1e9}
    for unit, each in (("cores", scale.cores), ("GB", scale.memory_bytes / 1e9)):
        if there[unit] < scale.least * each:
            raise PlanError(
                f"{scale.least} replicas need {scale.least * each:.3g} {unit}, and the cluster has {there[unit]:.3g}. "
                "Lower --replicas or --replica-cores, or add nodes."
            )


def node_with_folders(connection: Connection, settings: dict[str, Any]) -> str:
    """The node where the folders of some settings are those of this process: itself, or one with the same disk.

    Args:
        connection: To the cluster.
        settings: See `Owner`.

    Returns:
        Ray's identifier of the node.

    Raises:
        PlanError: There is none.
    """
    marks = marks_of(folders_of(settings))
    for node, found in connection.on_each_node(marks_of, list(marks)).items():
        if found == marks:
            return node.identity
    raise PlanError(
        f"No node of the cluster sees {next(iter(marks))}. Run the command on a node of the cluster, or put the folders on a "
        "disk that one of its nodes has at the same path."
    )


def folders_of(settings: dict[str, Any]) -> list[str]:
    """The folders that the owner reads."""
    shown = settings["shown"]
    return [*settings["runs"].values(), *settings["galleries"].values(), *([] if shown is None else [shown])]


def marks_of(folders: Sequence[str]) -> dict[str, tuple[int, ...] | None]:
    """What only the same folder on the same disk has, by folder; None where there is none."""
    marks: dict[str, tuple[int, ...] | None] = {}
    for folder in folders:
        try:
            status = os.stat(folder)  # noqa: PTH116
            marks[folder] = (status.st_ino, status.st_mtime_ns)
        except OSError:
            marks[folder] = None
    return marks
