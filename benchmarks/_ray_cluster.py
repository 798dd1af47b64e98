"""Ray clusters for benchmarks: nodes that are processes of this machine and offer as many cores as they are told."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""The last, read when Ray is imported, keeps it on 127.0.0.1."""
OBJECT_STORE_BYTES = 80 * 2**20
START_SECONDS = 120.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(port: int) -> None:
    """Return once something listens at the port; on a busy machine the client server comes up after the nodes."""
    until = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > until:
            raise TimeoutError(f"nothing listens at port {port} after {START_SECONDS:.0f} s")
        time.sleep(0.2)


@contextmanager
def ray_cluster(num_nodes: int, num_cpus: int) -> Iterator[str]:
    """The address of the client port of a cluster, which is stopped at the end.

    Each node has a HEADSTART_CACHE of its own.

    Args:
        num_nodes: Number of nodes, the head included.
        num_cpus: Cores that each offers, whatever the machine has.

    Yields:
        The address, as `--cluster` takes it.
    """
    os.environ.update(SETTINGS)
    home = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # short: the path of a socket has at most 107 bytes
    os.environ["RAY_TMPDIR"] = str(home)
    paths = (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # nodes import the functions of benchmarks
    from ray.cluster_utils import Cluster  # noqa: PLC0415  it reads the settings

    cluster, port = Cluster(), free_port()
    try:
        for node in range(num_nodes):
            cluster.add_node(
                num_cpus=num_cpus,
                object_store_memory=OBJECT_STORE_BYTES,
                include_dashboard=False,
                env_vars={"HEADSTART_CACHE": str(home / f"cache-{node}")},
                **({"ray_client_server_port": port} if node == 0 else {}),
            )
        wait_for(port)
        yield f"ray://127.0.0.1:{port}"
    finally:
        cluster.shutdown()
        shutil.rmtree(home, ignore_errors=True)


def slept(seconds: float) -> float:
    """A work whose cost is its sleep; it stands in a module of its own, as workers do not know that of the program."""
    time.sleep(seconds)
    return seconds
