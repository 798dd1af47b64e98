"""Status: the nodes of a cluster, and what of them is in use."""

from __future__ import annotations

from headstart.cluster.connection import connected
from headstart.core.records import Record


class NodeStatus(Record):
    """A node of a cluster.

    Attributes:
        name: Of the node.
        cores: Processor cores that works may use.
        gpus: GPUs.
        memory_bytes: Memory that works may use.
    """

    name: str
    cores: float
    gpus: float
    memory_bytes: float


class ClusterStatus(Record):
    """A cluster that can be used from here: versions agree on all nodes.

    Attributes:
        address: Of its client port.
        nodes: Its nodes.
        used_cores: Cores that are in use now.
        used_gpus: GPUs that are.
    """

    address: str
    nodes: tuple[NodeStatus, ...]
    used_cores: float
    used_gpus: float

    @property
    def cores(self) -> float:
        """Of all nodes."""
        return sum(node.cores for node in self.nodes)

    @property
    def gpus(self) -> float:
        """Of all nodes."""
        return sum(node.gpus for node in self.nodes)


def cluster_status(address: str = "auto") -> ClusterStatus:
    """The nodes of the cluster at an address, checked as before a run; errors as those of `connected`."""
    with connected(address) as connection:
        import ray  # noqa: PLC0415 - only where a cluster is asked for, and it is there

        found = tuple(
            NodeStatus(name=node.name, cores=node.cores, gpus=node.gpus, memory_bytes=node.memory_bytes)
            for node in connection.nodes()
        )
        free = ray.available_resources()  # type: ignore[no-untyped-call,unused-ignore]
        cores, gpus = (sum(sizes) for sizes in zip(*((node.cores, node.gpus) for node in found), strict=True))
        return ClusterStatus(
            address=connection.address,
            nodes=found,
            used_cores=cores - free.get("CPU", 0.0),
            used_gpus=gpus - free.get("GPU", 0.0),
        )
