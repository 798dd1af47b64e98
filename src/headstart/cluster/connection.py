"""Connection: a Ray cluster, reached through its client port and checked before anything is spent."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import re
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, TypeVar

from headstart.core.errors import MissingExtraError, PlanError
from headstart.core.progress import note
from headstart.core.stopping import stop_if_asked

R = TypeVar("R")

CLIENT_PORT = 10001
"""Where `ray start --head` listens for clients unless it is told otherwise."""
ATTEMPTS = 3
"""A head that listens is asked so often: under load it may start its answering process too late. Chosen, not measured."""
REACH_SECONDS = 5.0
"""So long the address may take to answer at all."""
RECONNECT_SECONDS = 600.0
"""So long a head that went away is waited for, about what a new machine takes to start. Chosen, not measured."""
SECONDS_BETWEEN_TRIES = 2.0
"""Between two attempts to reach a head that went away."""
SECONDS_UNTIL_KNOWN = 1.0
"""Until a lost node is known to be lost. Chosen, not measured."""
PROBE_SECONDS = 120.0
"""A node that has not answered by then is refused; the first answer includes the start of a process. Chosen, not measured."""
FORM = re.compile(r"ray://[^/\s:]+:\d+")


@dataclass(frozen=True)
class Node:
    """A machine of a cluster.

    Attributes:
        identity: Ray's identifier.
        host: Its address, or its name.
        cores: Processor cores that works may use.
        gpus: GPUs.
        memory_bytes: Memory that works may use.
    """

    identity: str
    host: str
    cores: float
    gpus: float
    memory_bytes: float

    @property
    def name(self) -> str:
        """What messages call it; several may run on one machine."""
        return f"{self.host} ({self.identity[:6]})"


def client_address(address: str) -> str:
    """The address of the client port that "auto" or ray://HOST:PORT stands for; a `PlanError` for anything else.

    >>> client_address("ray://10.0.0.1:10001")
    'ray://10.0.0.1:10001'
    """
    if address == "auto":
        given = os.environ.get("RAY_ADDRESS", "")
        return given if given.startswith("ray://") else f"ray://127.0.0.1:{CLIENT_PORT}"
    if not FORM.fullmatch(address):
        raise PlanError(f'--cluster "{address}" is no address. Write auto, or ray://HOST:PORT with the client port of the head.')
    return address


class Connection:
    """A connection to a cluster; `connected` makes and ends one.

    A program that joins a cluster directly is ended by Ray a minute after the head went away. A client of it is not, and
    can connect again.

    Args:
        address: "auto" or ray://HOST:PORT.

    Attributes:
        versions: What is installed here, and on all nodes.
        epoch: The number of times that it was connected again: works and values of an earlier epoch are gone.
    """

    def __init__(self, address: str) -> None:
        self.asked = address
        self.address = client_address(address)
        self.epoch = 0
        self.versions: dict[str, str] = {}

    def open(self) -> None:
        """Connect; a `PlanError` says why that is not possible."""
        import ray  # noqa: PLC0415 - only where a cluster is asked for

        if ray.is_initialized():  # type: ignore[attr-defined,no-untyped-call,unused-ignore]
            raise PlanError("This process uses a Ray cluster already. End that with ray.shutdown(), or leave cluster out.")
        logging.getLogger("ray.util.client").setLevel(logging.CRITICAL)  # what is lost is said by `reopen`
        # Counted over all works together; the arguments of one are kilobytes.
        warnings.filterwarnings("ignore", "More than 10MB of messages", UserWarning)
        self._reach()
        for attempt in range(ATTEMPTS):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ray.init(self.address, logging_level=logging.ERROR, log_to_driver=False)
            except (ConnectionError, RuntimeError, OSError, ValueError) as error:
                self.close()
                if "mismatch" in str(error).lower() or attempt + 1 == ATTEMPTS:
                    raise PlanError(self._why_not(error)) from error
            else:
                return

    def _reach(self) -> None:
        """Refuse an address that nothing listens at, with a `PlanError` at once: Ray itself tries for most of a minute."""
        host, _, port = self.address.removeprefix("ray://").rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
        except OSError as error:
            raise PlanError(self._why_not(error)) from error

    def _why_not(self, error: Exception) -> str:
        text = str(error)
        if "mismatch" in text.lower():
            return (
                f"The cluster at {self.address} runs other versions ({' '.join(text.split())}). Here there are Ray "
                f"{version('ray')} and Python {platform.python_version()}: install the same on both sides."
            )
        remedy = (
            "Start one here with `ray start --head`, or give the address of one as --cluster ray://HOST:10001."
            if self.asked == "auto"
            else "Check the address, that the head runs, and that its client port can be reached from here."
        )
        return f"No Ray cluster answers at {self.address} ({_first_line(error)}). {remedy}"

    def close(self) -> None:
        """Let go of the cluster, which goes on."""
        import ray  # noqa: PLC0415 - only where a cluster is asked for

        with contextlib.suppress(Exception):  # of a connection that is broken already
            ray.shutdown()  # type: ignore[no-untyped-call,unused-ignore]

    def reopen(self) -> None:
        """Connect again to a head that went away, once it is back; a `PlanError` where it does not come back."""
        note(f"The cluster at {self.address} went away; waiting until it is back.")
        self.close()
        until = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                self.open()
                break
            except PlanError as error:
                if time.monotonic() > until:
                    raise PlanError(
                        f"The cluster at {self.address} went away and was not back after {RECONNECT_SECONDS / 60:.0f} minutes. "
                        "What was finished is kept: start it again, and the same command goes on."
                    ) from error
                stop_if_asked()
                time.sleep(SECONDS_BETWEEN_TRIES)
        self.epoch += 1
        self.check()
        note(f"The cluster at {self.address} is back.")

    def nodes(self) -> tuple[Node, ...]:
        """The machines that are there now."""
        import ray  # noqa: PLC0415 - only where a cluster is asked for

        found = []
        for entry in ray.nodes():  # type: ignore[no-untyped-call,unused-ignore]
            if entry["Alive"]:
                has = entry["Resources"]
                sizes = (has.get("CPU", 0.0), has.get("GPU", 0.0), has.get("memory", 0.0))
                found.append(Node(entry["NodeID"], entry["NodeManagerAddress"], *sizes))
        return tuple(sorted(found, key=lambda node: node.identity))

    def on_each_node(self, function: Callable[..., R], *arguments: Any, importable: bool = True) -> dict[Node, R]:
        """What a function returns on each node that takes works; a `PlanError` names a node where it cannot be called.

        A node that is lost meanwhile is left out.

        Args:
            function: Is called with the arguments, beside whatever runs there.
            *arguments: Picklable values.
            importable: Whether the function may need this package there.

        Returns:
            The answers by node.

        Raises:
            PlanError: A node does not answer, or cannot call it.
        """
        import ray  # noqa: PLC0415 - only where a cluster is asked for
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On  # noqa: PLC0415

        called = ray.remote(function)
        begun = {}
        for node in self.nodes():
            if node.cores >= 1:
                there = called.options(num_cpus=0, max_retries=0, scheduling_strategy=On(node.identity, soft=False))
                begun[node] = there.remote(*arguments)
        ray.wait(list(begun.values()), num_returns=len(begun), timeout=PROBE_SECONDS)
        answers = {}
        for node, reference in begun.items():
            try:
                answers[node] = ray.get(reference, timeout=1.0)
            except (ray.exceptions.RayError, ImportError) as error:
                time.sleep(SECONDS_UNTIL_KNOWN)
                if node not in self.nodes():
                    continue  # it was lost meanwhile, and gets no works
                lacks = "" if importable and "No module" not in str(error) else " Is headstart installed there?"
                raise PlanError(f"Node {node.name} of the cluster did not answer ({_first_line(error)}).{lacks}") from error
        return answers

    def check(self) -> None:
        """Refuse a cluster without nodes that take works, or with a node whose installation differs from the one here."""
        probe = probe_function()
        probes = self.on_each_node(probe, importable=False)
        if not probes:
            raise PlanError(f"The cluster at {self.address} has no processor cores to work on. Add a node to it.")
        self.versions = own = probe()["versions"]
        for node, found in probes.items():
            for name, here in own.items():
                if found["versions"].get(name) != here:
                    there = found["versions"].get(name) or "not installed"
                    raise PlanError(
                        f"Node {node.name} of the cluster has {name} {there}, and here it is {here}. Install the same."
                    )
            if found["fault"]:
                raise PlanError(
                    f"Node {node.name} of the cluster cannot write its cache ({found['fault']}). "
                    "Free it, or set HEADSTART_CACHE there."
                )


def probe_function() -> Callable[[], dict[str, Any]]:
    """A function that tells versions and whether the cache can be written; a local one travels whole, and needs no package.

    Of this package the content counts, as a node with other code would compute something else under the same version.
    """

    def probe() -> dict[str, Any]:
        import hashlib  # noqa: PLC0415
        import platform as machine  # noqa: PLC0415
        import tempfile  # noqa: PLC0415
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415
        from pathlib import Path  # noqa: PLC0415

        versions: dict[str, str] = {"Python": ".".join(machine.python_version_tuple()[:2])}
        for name in ("headstart", "torch", "timm", "numpy"):
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                versions[name] = ""
        fault = ""
        if versions["headstart"]:
            from headstart.core import folders  # noqa: PLC0415

            files = sorted(Path(folders.__file__).parent.parent.rglob("*.py"))
            content = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
            versions["headstart"] += f" (files {content[:8]})"

            try:
                folders.cache_folder().mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folders.cache_folder()) as stream:
                    stream.write(b"written")
            except OSError as error:
                fault = f"{folders.cache_folder()}: {error.strerror or error}"
        return {"versions": versions, "fault": fault}

    return probe


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")


def check_ray() -> None:
    """Refuse with a `MissingExtraError` where Ray is not installed."""
    if find_spec("ray") is None:
        raise MissingExtraError('--cluster needs Ray. Install it with `pip install "headstart[cluster]"`.')


@contextlib.contextmanager
def connected(address: str) -> Iterator[Connection]:
    """A checked connection, ended at the end of the block.

    Args:
        address: "auto" for the cluster whose head runs on this machine (or that RAY_ADDRESS names), or ray://HOST:PORT.

    Yields:
        The connection.

    Raises:
        MissingExtraError: Ray is not installed.
        PlanError: The cluster cannot be reached or used; one sentence.
    """
    check_ray()
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # a call after the head went away would start a cluster of its own otherwise
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray would warn of otherwise
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # it writes of every fork otherwise
    connection = Connection(address)
    connection.open()
    try:
        connection.check()
        yield connection
    finally:
        connection.close()
