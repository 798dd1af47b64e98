"""Ray clusters for tests: small nodes that are processes of this machine, always stopped at the end."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "doubles"))  # lets the tests of this folder import `s3_server`
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # read when Ray is imported: it uses 127.0.0.1 alone, on every system
os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # likewise: a call without a cluster would start one

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

OBJECT_STORE_BYTES = 80 * 2**20
"""Ray refuses less than 75 MiB."""
START_SECONDS = 120.0
FROM_RAY = (
    "ignore:.*ray.*:ResourceWarning",  # sockets and log files that it leaves to the garbage collector
    "ignore::DeprecationWarning:ray.*",
    "ignore::FutureWarning:ray.*",
)
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray will do by default; it warns until then
    "RAY_DEDUP_LOGS": "0",
    "RAY_enable_open_telemetry": "0",
    "RAY_worker_niceness": "0",  # else workers wait for every other program on a busy machine
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings that Ray itself emits are no errors in the tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for text in FROM_RAY:
                item.add_marker(pytest.mark.filterwarnings(text), append=False)


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
def started(num_nodes: int = 2, num_cpus: int = 1, **head_options: object) -> Iterator[Cluster]:
    """A running cluster, to which this process is not connected; at the end it is stopped, this process disconnected first.

    RAY_ADDRESS is that of its client port while it runs: `auto` is this cluster. Every node has a HEADSTART_CACHE of its own.

    Args:
        num_nodes: Number of nodes, the head included.
        num_cpus: Cores that each node offers, whatever the machine has.
        **head_options: More arguments of the head node, those of `Cluster.add_node`.

    Yields:
        The cluster; `address` is that of its head, which a driver on this machine can join.
    """
    import ray
    from ray.cluster_utils import Cluster

    home = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # short: a path of a socket has at most 107 bytes
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**SETTINGS, "RAY_TMPDIR": str(home)}.items():
            patch.setenv(name, value)
        cluster = Cluster()
        head_options = {"ray_client_server_port": free_port(), **head_options}
        try:
            for node in range(num_nodes):
                cache = home / f"cache-{node}"
                cluster.add_node(
                    num_cpus=num_cpus, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False,
                    env_vars={"HEADSTART_CACHE": str(cache)}, **(head_options if node == 0 else {}),
                )  # fmt: skip
            wait_for(int(str(head_options["ray_client_server_port"])))
            patch.setenv("RAY_ADDRESS", f"ray://127.0.0.1:{head_options['ray_client_server_port']}")
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def start_cluster() -> Callable[..., AbstractContextManager[Cluster]]:
    """Starts a cluster of a test's own, which it may kill nodes of: `with start_cluster(num_nodes=3) as cluster`."""
    pytest.importorskip("ray")
    return started


@pytest.fixture(scope="session")
def ray_cluster(start_cluster: Callable[..., AbstractContextManager[Cluster]]) -> Iterator[Cluster]:
    """Two nodes with one core each, shared by every test that does not stop nodes."""
    with start_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster_address(ray_cluster: Cluster) -> str:
    """Of the client port of the shared cluster: what `--cluster` takes."""
    return os.environ["RAY_ADDRESS"]
