"""On a cluster: a server as an application of Ray Serve, put in place, watched and ended by the process that started it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from types import FrameType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from headstart.cluster.connection import Connection
from headstart.cluster.worker import DECIDING_VARIABLES
from headstart.core.errors import DataError, HeadstartError, PlanError
from headstart.core.progress import note
from headstart.serving.at_owner import NAMESPACE, OWNER, Ask, ClusterGoneError, asking
from headstart.serving.deploying import deploy, remove
from headstart.serving.limits import Limits
from headstart.serving.owner import Report
from headstart.serving.placing import LOCAL, Scale, check_size, folders_of, free_port, marks_of, node_with_folders, what_serve_has
from headstart.serving.refusals import RefusedError
from headstart.serving.replica import OwnersProcess
from headstart.serving.server import MOST_CONNECTIONS, address_at

T = TypeVar("T")
PATIENCE = {"RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60", "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "30"}
"""For Ray Serve: by default it kills proxies that are not ready after 5 seconds, and on a busy machine none ever is."""
NO_OWNER = "The owner of the folders does not start. Ray's logs on the node with the folders say why."
LOOK_SECONDS = 0.5
"""How often the process that started the server looks at it. Chosen, not measured."""
START_SECONDS = 300.0
"""In which all replicas have to answer by the newest settings. Chosen, not measured."""
LOST_SECONDS = 20.0
"""An owner that does not answer for so long counts as gone. Chosen, not measured."""


class ServerOnCluster:
    """A server on a cluster.

    Args:
        connection: To the cluster.
        host: The address that the proxies listen on.
        port: Their port; 0 takes a free one.
        scale: How much of the cluster it uses.

    Raises:
        PlanError: The port is in use, the address reaches no other machine, Ray Serve listens elsewhere already, or the cluster
            is too small.
    """

    def __init__(self, connection: Connection, host: str, port: int, scale: Scale) -> None:
        self.scale = scale
        self._connection = connection
        check_size(connection, scale)
        if self._head and host in LOCAL:
            raise PlanError(
                f"{host} is each machine's own address, and the cluster's head is on {self._head}. Use --host 0.0.0.0."
            )
        listens, self._was_there = _there(what_serve_has)
        self._serve_was_there = listens is not None
        self.host, self.port = host, port
        if listens is None:
            self.port = self._free_port()
        elif listens[0] != host or port not in (0, listens[1]):
            raise PlanError(
                f"Ray Serve of this cluster listens on port {listens[1]} of {listens[0]} already. "
                f"Use --host {listens[0]} --port {listens[1]}, or end it with `serve shutdown`."
            )
        else:
            self.port = listens[1]

    @property
    def address(self) -> str:
        """The address for a browser: on the machine of the cluster's head where the proxies listen on every address."""
        listens_everywhere = self.host in ("0.0.0.0", "::")  # noqa: S104  it is read
        return address_at(self._head if listens_everywhere and self._head else self.host, self.port)

    @property
    def _head(self) -> str:
        """The name of the head's machine; nothing where that is this one."""
        name = urlsplit(self._connection.address).hostname or ""
        return "" if name in LOCAL else name

    def _free_port(self) -> int:
        """The port that the proxies get; `PlanError` where it is in use on this machine, or on a node of another cluster."""
        if not self._head:
            return free_port(self.host, self.port)
        if self.port == 0:
            raise PlanError("The nodes of a cluster need the same port. Choose one with --port.")
        self._connection.on_each_node(free_port, self.host, self.port)
        return self.port

    def answer(self, settings: dict[str, Any], limits: Limits, started: Callable[[], None]) -> None:
        """Answer by those settings until SIGTERM or Ctrl-C, or until another process gives the server other ones.

        Args:
            settings: See `Owner`; the generation and the placement are added.
            limits: Those in the settings.
            started: Called once requests are answered.
        """
        with _signals() as told, _reaching():
            placed = self.place(settings, told)
            started()
            if self._watched(placed, told):
                _drain(limits.deadline_seconds, told)
                self.remove()

    def place(self, settings: dict[str, Any], told: Told) -> dict[str, Any]:
        """Have all replicas answer by the settings: those that there are where they fit, or new ones.

        Args:
            settings: As for `answer`.
            told: Where signals are noted, which give it up.

        Returns:
            The settings, with their generation.

        Raises:
            PlanError: The cluster does not answer any more.
            DataError: The replicas do not start, or cannot load what is to be served; older ones go on with what they had.
        """
        before = _newest() if self._was_there else None
        placement: dict[str, Any] = {
            "deployed": True,
            "version": version("headstart"),
            "scale": list(self.scale),
            "node": self._node(settings, before),
            "environment": {name: os.environ[name] for name in DECIDING_VARIABLES if name in os.environ},
        }
        settings = {**settings, "generation": time.time_ns(), "placement": placement}
        fits = before is not None and before["placement"] == placement
        try:
            if not fits:
                _begin_owner(placement["node"])
                asking(START_SECONDS)("renew", _not_deployed(settings))
                _there(deploy, settings, self.host, self.port, told=told)
            asking(START_SECONDS)("renew", settings)
            _await_generation(asking(), settings["generation"], self.scale.least, told)
        except BaseException as error:
            if before is None:
                self.remove()
            else:
                _restore(before if fits else _not_deployed(before), placement["node"])
            if isinstance(error, RefusedError):
                raise PlanError(NO_OWNER) from None
            raise
        self._was_there = True
        return settings

    def _node(self, settings: dict[str, Any], before: dict[str, Any] | None) -> str:
        """The node of the owner: that of the owner that there is, if the folders are there, or another one."""
        if before is not None:
            folders = folders_of(settings)
            with suppress(RefusedError):
                if asking(LOST_SECONDS)("marks", folders) == marks_of(folders):
                    return str(before["placement"]["node"])
        return node_with_folders(self._connection, settings)

    def remove(self) -> None:
        """End the server; and Ray Serve, where it was started for it and nothing else uses it."""
        _there(remove, not self._serve_was_there)
        _end_owner()

    def _watched(self, placed: dict[str, Any], told: Told) -> bool:
        """Wait for a signal: True; or until another process gives the server other settings: False.

        An owner that was started again while no replica could give it the settings gets them here, and one whose node is lost
        is started on another one.
        """
        ask, reached = asking(), True
        while not told.changed.wait(LOOK_SECONDS):
            try:
                newest = ask("newest")
                if newest["generation"] < placed["generation"]:
                    ask("renew", placed)
            except ClusterGoneError:
                raise
            except RefusedError:
                placed, reached = self._without_owner(placed, reached), False
                continue
            reached = True
            if newest["generation"] > placed["generation"]:
                note("Another `headstart serve` on this cluster has given this server other runs, and goes on with it.")
                return False
        return True

    def _without_owner(self, placed: dict[str, Any], was_reached: bool) -> dict[str, Any]:
        """The settings once the owner is gone: on another node where its own is lost; said when it is seen first."""
        if placed["placement"]["node"] in {node.identity for node in self._connection.nodes()}:
            if was_reached:
                note("The owner of the folders does not answer; Ray starts it again.")
            return placed
        try:
            node = node_with_folders(self._connection, placed)
        except PlanError as error:
            if was_reached:
                note(f"The node of the owner of the folders is lost. {error}")
            return placed
        note("The node of the owner of the folders is lost; the owner is started on another one.")
        placed = {**placed, "generation": time.time_ns(), "placement": {**placed["placement"], "node": node}}
        _begin_owner(node)
        with suppress(RefusedError):  # it is asked again
            asking(LOST_SECONDS)("renew", placed)
        return placed


def _not_deployed(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with a placement that is no replica's yet, or is no longer: whoever comes next has to place them again."""
    return {**settings, "placement": {**settings["placement"], "deployed": False}}


def _restore(before: dict[str, Any], node: str) -> None:
    """Give the owner, which is on that node by now, the settings back that it had before others could not be placed."""
    if before["placement"]["node"] != node:
        _begin_owner(before["placement"]["node"])
    with suppress(RefusedError):  # why the others could not be placed is said instead
        asking(LOST_SECONDS)("renew", {**before, "generation": time.time_ns()})


@contextmanager
def _reaching() -> Iterator[None]:
    """Inside, a cluster that went away is a `PlanError`."""
    try:
        yield
    except (ClusterGoneError, ConnectionError) as error:
        raise _gone(error) from None


def _gone(error: Exception) -> PlanError:
    """The error that says that the cluster does not answer."""
    return PlanError(f"The cluster does not answer any more ({type(error).__name__}). Is its head still there?")


def _there(function: Callable[..., T], *arguments: Any, told: Told | None = None) -> T:
    """What a function returns in a process of the cluster: Ray Serve is quicker and steadier there than through a client."""
    import ray  # noqa: PLC0415
    from ray.exceptions import RayError, RayTaskError  # noqa: PLC0415

    called: Any = ray.remote(function)
    try:
        begun = called.options(num_cpus=0, max_retries=0, runtime_env={"env_vars": PATIENCE}).remote(*arguments)
        while not ray.wait([begun], timeout=LOOK_SECONDS)[0]:
            if told is not None:
                told.check()
        found: T = ray.get(begun)
    except RayTaskError as error:
        cause = error.cause
        raise cause if isinstance(cause, HeadstartError) else error from None
    except (RayError, ConnectionError) as error:
        raise _gone(error) from None
    return found


def _newest() -> dict[str, Any] | None:
    """The settings of the server that runs already; None where its owner is gone."""
    try:
        found = dict(asking(LOST_SECONDS)("newest"))
    except RefusedError:
        return None
    return found if found["generation"] else None


def _begin_owner(node: str) -> None:
    """Start the owner on a node, in place of another one."""
    import ray  # noqa: PLC0415
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

    _end_owner()
    options = {"name": OWNER, "namespace": NAMESPACE, "lifetime": "detached", "max_restarts": -1, "num_cpus": 0}
    where = NodeAffinitySchedulingStrategy(node, soft=False)
    process: Any = ray.remote(OwnersProcess)
    process.options(**options, max_concurrency=MOST_CONNECTIONS, scheduling_strategy=where).remote()


def _end_owner() -> None:
    """End the owner if there is one, and wait until its name is free."""
    import ray  # noqa: PLC0415

    end = time.monotonic() + LOST_SECONDS
    while time.monotonic() < end:
        try:
            ray.kill(ray.get_actor(OWNER, namespace=NAMESPACE))
        except ValueError:
            return
        time.sleep(0.1)


def _await_generation(ask: Ask, generation: int, least: int, told: Told) -> None:
    """Wait until so many replicas answer by these settings; `DataError` where one cannot."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        told.check()
        living: list[Report] = ask("living")
        fault = next((one.fault for one in living if one.failed == generation), None)
        if fault is not None:
            raise DataError(f"A replica cannot load what is to be served. {fault}")
        if sum(one.generation == generation for one in living) >= least:
            return
        time.sleep(0.1)
    raise DataError(f"The replicas were not ready after {START_SECONDS:g} seconds. `serve status` says why.")


class Told:
    """How often a signal has told this process to end."""

    def __init__(self) -> None:
        self.times = 0
        self.changed = threading.Event()

    def again(self, number: int, frame: FrameType | None) -> None:
        """Note a signal."""
        self.times += 1
        self.changed.set()

    def check(self) -> None:
        """`KeyboardInterrupt` once there was a signal."""
        if self.times:
            raise KeyboardInterrupt


@contextmanager
def _signals() -> Iterator[Told]:
    """Inside, SIGTERM and Ctrl-C are counted, and end nothing by themselves; `PlanError` in a thread, which gets none."""
    if threading.current_thread() is not threading.main_thread():
        raise PlanError("A server on a cluster is ended by a signal, which threads do not get. Start it from the main thread.")
    told = Told()
    before = {number: signal.signal(number, told.again) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _drain(seconds: float, told: Told) -> None:
    """Have nothing new begun, and wait until what was begun is answered; a second signal gives it up."""
    ask, end = asking(max(1.0, seconds)), time.monotonic() + seconds
    while time.monotonic() < end and told.times < 2:
        try:
            ask("drain")  # each time: an owner that was started again meanwhile does not know of it
            living: list[Report] = ask("living")
        except ClusterGoneError:
            raise
        except RefusedError:  # until it is there again
            living = []
        if living and all(one.draining and one.num_begun == 0 for one in living):
            return
        time.sleep(0.1)
