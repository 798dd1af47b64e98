"""A Ray cluster in a process of its own, which is told to add a node, to kill one, or to kill the head with all nodes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

OBJECT_STORE_BYTES = 80 * 2**20


class Nodes:
    """A cluster with a head that does no work, and nodes with one core each, whose caches lie in folders of their own.

    Args:
        num: Number of nodes.
        home: Where Ray and the nodes keep their files; a short path, as it becomes part of the names of sockets.
    """

    def __init__(self, num: int, home: Path) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.num, self.home, self.starts = num, home, 0
        self.start()

    @property
    def address(self) -> str:
        """What --cluster takes."""
        return f"ray://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start head and nodes, at the address of before."""
        self.starts += 1
        ray = self.home / f"ray{self.starts}"
        ray.mkdir(parents=True)
        environment = os.environ | {
            "RAY_TMPDIR": str(ray), "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        }  # fmt: skip
        words = [sys.executable, "-m", "benchmarks._ray_nodes", str(self.port), str(self.num), str(self.home)]
        with (self.home / "nodes.log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
                cwd=Path(__file__).parent.parent,
            )
        self._answer()

    def tell(self, word: str) -> None:
        """Do as the word says, and wait until it is done: "add", "kill" or "stop"."""
        assert self.process.stdin
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        self._answer()
        if word == "stop":
            self.process.wait(60)

    def _answer(self) -> None:
        assert self.process.stdout
        if not self.process.stdout.readline():
            raise SystemExit(f"the cluster ended; see {self.home / 'nodes.log'}")


def main(port: int, num: int, home: Path) -> None:
    """Serve the words of standard input."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415  reads the settings

    cluster = Cluster()
    cluster.add_node(num_cpus=0, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False, ray_client_server_port=port)
    nodes = []

    def add() -> None:
        nodes.append(
            cluster.add_node(
                num_cpus=1, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False,
                env_vars={"HEADSTART_CACHE": str(home / f"cache{len(list(home.glob('cache*')))}")},
            )
        )  # fmt: skip
        (home / f"cache{len(list(home.glob('cache*')))}").mkdir()

    for _ in range(num):
        add()
    print("up", flush=True)
    for line in sys.stdin:
        word = line.strip()
        if word == "add":
            add()
        elif word == "kill":
            cluster.remove_node(nodes.pop(0), allow_graceful=False)
        elif word == "stop":
            for node in [*nodes, cluster.head_node]:
                node.kill_all_processes(check_alive=False)
        print(word, flush=True)
        if word == "stop":
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
