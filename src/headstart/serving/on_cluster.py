"""On a cluster: a server as an application of Ray Serve, put in place, watched and ended by the process that started it."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from types import FrameType
from typing import Any, NamedTuple

from headstart.core.errors import DataError, HeadstartError, PlanError
from headstart.core.progress import note
from headstart.serving.at_owner import Ask, asking
from headstart.serving.limits import Limits
from headstart.serving.owner import Report
from headstart.serving.refusals import RefusedError
from headstart.serving.replica import Entrance, OwnersProcess, Replica
from headstart.serving.server import MOST_CONNECTIONS, bound_socket

NAME = "headstart"
"""Of the application of Ray Serve; there is one on a cluster, at the root of its address."""
OWNER, REPLICA = "owner", "replica"
"""Its deployments."""
CONTROLLER = "SERVE_CONTROLLER_ACTOR"
"""The actor of Ray Serve that knows where it listens."""
REPLICA_BYTES = 700 * 10**6
"""Memory of a replica without models."""
TIMES_WEIGHTS = 3
"""Memory of a replica beyond that, as a multiple of the bytes of its models: a new one is loaded while the old one answers."""
BUSY_REQUESTS = 8
"""Requests in the hands of each replica, on average, above which there are more replicas. Chosen, not measured."""
LOOK_SECONDS = 0.5
"""How often the process that started the server looks at it. Chosen, not measured."""
START_SECONDS = 300.0
"""In which all replicas have to answer by the newest settings. Chosen, not measured."""
SPARE_SECONDS = 30.0
"""Beyond what a request may take: after that the proxy gives up a replica that does not answer. Chosen, not measured."""
END_SECONDS = 2.0
"""In which what the deadline found unanswered is given up."""


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


class ServerOnCluster:
    """A server on the cluster that this process is connected to.

    Args:
        host: The address that the proxies listen on.
        port: Their port; 0 takes a free one.
        scale: How much of the cluster it uses.

    Raises:
        PlanError: The port is in use, Ray Serve listens elsewhere already, or the cluster is too small.
    """

    def __init__(self, host: str, port: int, scale: Scale) -> None:
        self.scale = scale
        self._serve_was_there = _check_place(host, port)
        self.host, self.port = host, port
        if not self._serve_was_there:
            with bound_socket(host, port) as sock:
                self.port = sock.getsockname()[1]
        _check_size(scale)

    def answer(self, settings: dict[str, Any], limits: Limits, started: Callable[[], None]) -> None:
        """Answer by those settings until SIGTERM or Ctrl-C, or until another process gives the server other ones.

        Args:
            settings: See `Owner`; the generation and the placement are added.
            limits: Those in the settings.
            started: Called once requests are answered.
        """
        with _signals() as told:
            settings = {**settings, "generation": time.time_ns(), "placement": self._placement()}
            ask = self._place(settings, limits)
            self._await_address()
            started()
            if _watched(ask, settings["generation"], told):
                _drain(ask, limits.deadline_seconds, told)
                self._remove()

    def _placement(self) -> dict[str, Any]:
        """What cannot be changed without other processes."""
        return {"version": version("headstart"), "scale": list(self.scale), "node": _own_node()}

    def _place(self, settings: dict[str, Any], limits: Limits) -> Ask:
        """Have all replicas answer by the settings: those that there are where they fit, or new ones."""
        ask = _running()
        before = None if ask is None else ask("newest")
        if ask is not None and before is not None and before["placement"] == settings["placement"]:
            ask("renew", settings)
        else:
            ask = self._deployed(settings, limits)
        try:
            _await_generation(ask, settings["generation"], self.scale.least)
        except BaseException:
            if before is None:
                self._remove()
            else:
                ask("renew", {**before, "generation": time.time_ns()})
            raise
        return ask

    def _deployed(self, settings: dict[str, Any], limits: Limits) -> Ask:
        """Have Ray Serve start the processes, in place of older ones if there are any."""
        from ray import serve  # noqa: PLC0415

        seconds = limits.body_seconds + limits.deadline_seconds + SPARE_SECONDS
        serve.start("EveryNode", {"host": self.host, "port": self.port, "request_timeout_s": seconds})
        owner = serve.deployment(
            OwnersProcess, name=OWNER, num_replicas=1, max_ongoing_requests=MOST_CONNECTIONS,
            ray_actor_options={"num_cpus": 0, "resources": {settings["placement"]["node"]: 0.001}},
        ).bind(settings)  # fmt: skip
        scale = self.scale
        number: dict[str, Any] = {"num_replicas": scale.least}
        if scale.most > scale.least:
            bounds = {"min_replicas": scale.least, "max_replicas": scale.most, "target_ongoing_requests": BUSY_REQUESTS}
            number = {"autoscaling_config": bounds}
        replica = serve.deployment(
            serve.ingress(Entrance())(Replica), name=REPLICA, max_ongoing_requests=MOST_CONNECTIONS,
            ray_actor_options={"num_cpus": scale.cores, "memory": scale.memory_bytes},
            graceful_shutdown_timeout_s=limits.deadline_seconds + END_SECONDS, graceful_shutdown_wait_loop_s=0.5, **number,
        ).bind(owner, max(1, int(scale.cores)))  # fmt: skip
        try:
            serve.run(replica, name=NAME, route_prefix="/", logging_config={"log_level": "ERROR"})
        except RuntimeError as error:
            self._remove()
            raise DataError(f"The replicas do not start. {_reason_of(error)}") from None
        except BaseException:
            self._remove()
            raise
        return asking(serve.get_deployment_handle(OWNER, NAME))

    def _await_address(self) -> None:
        """Wait until the proxy of this machine answers."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  it is read
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            connection = http.client.HTTPConnection(host, self.port, timeout=5)
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/health")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            connection.close()
            time.sleep(0.1)
        raise PlanError(f"Ray Serve does not answer on port {self.port} of {self.host}. What it wrote in its logs says why.")

    def _remove(self) -> None:
        """End the server; and Ray Serve, where it was started for it and nothing else uses it."""
        from ray import serve  # noqa: PLC0415

        serve.delete(NAME)
        if not self._serve_was_there and not serve.status().applications:
            serve.shutdown()


def _check_place(host: str, port: int) -> bool:
    """Whether Ray Serve runs on the cluster already; `PlanError` where it listens elsewhere, or has another application."""
    import ray  # noqa: PLC0415
    from ray import serve  # noqa: PLC0415

    try:
        controller = ray.get_actor(CONTROLLER, namespace="serve")
    except ValueError:
        return False
    listens = ray.get(controller.get_http_config.remote())
    if (listens.host, listens.port) != (host, port):
        raise PlanError(
            f"Ray Serve of this cluster listens on port {listens.port} of {listens.host} already. "
            f"Use --host {listens.host} --port {listens.port}, or end it with `serve shutdown`."
        )
    at_root = [name for name, one in serve.status().applications.items() if name != NAME and _route_of(one) in ("/", None)]
    if at_root:
        raise PlanError(f'Ray Serve of this cluster has the application "{at_root[0]}" at the root already. Delete that first.')
    return True


def _route_of(application: Any) -> str | None:
    return getattr(application, "route_prefix", None)


def _check_size(scale: Scale) -> None:
    """`PlanError` where the least number of replicas has no room in the whole cluster."""
    import ray  # noqa: PLC0415

    has = ray.cluster_resources()
    for name, each, unit in (("CPU", scale.cores, "cores"), ("memory", scale.memory_bytes / 1e9, "GB")):
        there = has.get(name, 0.0) / (1e9 if unit == "GB" else 1.0)
        if there < scale.least * each:
            raise PlanError(
                f"{scale.least} replicas need {scale.least * each:.3g} {unit}, and the cluster has {there:.3g}. "
                "Lower --replicas or --replica-cores, or add nodes."
            )


def _own_node() -> str:
    """The resource of Ray that the node of this process alone has: its folders can be read there."""
    import ray  # noqa: PLC0415

    return f"node:{ray.util.get_node_ip_address()}"


def _running() -> Ask | None:
    """Asks the owner of the server that runs already; None where none does."""
    from ray import serve  # noqa: PLC0415

    found = serve.status().applications.get(NAME)
    if found is None or found.status not in ("RUNNING", "DEPLOYING", "UNHEALTHY"):
        return None
    return asking(serve.get_deployment_handle(OWNER, NAME))


def _await_generation(ask: Ask, generation: int, least: int) -> None:
    """Wait until so many replicas answer by these settings; `DataError` where one cannot."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        living: list[Report] = ask("living")
        fault = next((one.fault for one in living if one.fault is not None and one.generation < generation), None)
        if fault is not None:
            raise DataError(f"A replica cannot load what is to be served. {fault}")
        if sum(one.generation == generation for one in living) >= least:
            return
        time.sleep(0.1)
    raise DataError(f"The replicas were not ready after {START_SECONDS:g} seconds. `serve status` says why.")


class _Told:
    """How often a signal has told this process to end."""

    def __init__(self) -> None:
        self.times = 0
        self.changed = threading.Event()

    def again(self, number: int, frame: FrameType | None) -> None:
        self.times += 1
        self.changed.set()


@contextmanager
def _signals() -> Iterator[_Told]:
    """Inside, SIGTERM and Ctrl-C are counted, and end nothing by themselves."""
    told = _Told()
    before = {number: signal.signal(number, told.again) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watched(ask: Ask, generation: int, told: _Told) -> bool:
    """Wait for a signal: True; or until another process gives the server other settings: False."""
    reached = True
    while not told.changed.wait(LOOK_SECONDS):
        try:
            newest = ask("newest")
        except RefusedError:
            if reached:
                note("The owner of the folders does not answer; Ray Serve starts it again.")
            reached = False
            continue
        reached = True
        if newest["generation"] > generation:
            note("Another `headstart serve --cluster` has given this server other runs, and goes on with it.")
            return False
    return True


def _drain(ask: Ask, seconds: float, told: _Told) -> None:
    """Have nothing new begun, and wait until what was begun is answered; a second signal gives it up."""
    end = time.monotonic() + seconds
    with suppress(HeadstartError, RefusedError):  # an owner that is gone cannot have anything wait
        ask("drain")
        while time.monotonic() < end and told.times < 2:
            living: list[Report] = ask("living")
            if all(one.draining and one.num_begun == 0 for one in living):
                return
            time.sleep(0.1)


def _reason_of(error: Exception) -> str:
    """The last line of what Ray Serve says, which is that of the exception in the replica."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "`serve status` says why."
