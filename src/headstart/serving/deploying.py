"""Deploying: what a process of the cluster does to have Ray Serve start, change and end a server."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

from headstart.core.errors import DataError, PlanError
from headstart.serving.limits import Limits
from headstart.serving.placing import NAME, Scale
from headstart.serving.replica import Entrance, Replica
from headstart.serving.server import MOST_CONNECTIONS

REPLICA = "replica"
"""Its deployment."""
BUSY_REQUESTS = 8
"""Requests in the hands of each replica, on average, above which there are more replicas. Chosen, not measured."""
SPARE_SECONDS = 30.0
"""Beyond what a request may take: after that the proxy gives up a replica that does not answer. Chosen, not measured."""
PROXY_SECONDS = 180.0
"""In which the proxies have to answer. Chosen, not measured."""
END_SECONDS = 2.0
"""In which what the deadline found unanswered is given up."""


def deploy(settings: dict[str, Any], host: str, port: int) -> None:
    """Have Ray Serve start the replicas, in place of older ones if there are any, and wait until they answer.

    Args:
        settings: See `Owner`, which has them already.
        host: The address that the proxies listen on.
        port: Their port.

    Raises:
        DataError: A replica does not start.
    """
    from ray import serve  # noqa: PLC0415
    from ray.exceptions import RayError  # noqa: PLC0415

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    limits, scale = Limits.from_dict(settings["limits"], "serve"), Scale(*settings["placement"]["scale"])
    seconds = limits.body_seconds + limits.deadline_seconds + SPARE_SECONDS
    with suppress(RayError, TimeoutError):  # a proxy that starts slowly is started again, and waited for at the end
        serve.start("EveryNode", {"host": host, "port": port, "request_timeout_s": seconds})
    number: dict[str, Any] = {"num_replicas": scale.least}
    if scale.most > scale.least:
        bounds = {"min_replicas": scale.least, "max_replicas": scale.most, "target_ongoing_requests": BUSY_REQUESTS}
        number = {"autoscaling_config": bounds}
    deployed: Any = serve.deployment(
        serve.ingress(Entrance())(Replica), name=REPLICA, max_ongoing_requests=MOST_CONNECTIONS,
        ray_actor_options={"num_cpus": scale.cores, "memory": scale.memory_bytes},
        graceful_shutdown_timeout_s=limits.deadline_seconds + END_SECONDS, graceful_shutdown_wait_loop_s=0.5, **number,
    )  # fmt: skip
    replica = deployed.bind(max(1, int(scale.cores)), settings["placement"]["environment"])
    try:
        with suppress(RayError):  # as above
            serve.run(replica, name=NAME, route_prefix="/", logging_config={"log_level": "ERROR"})
    except RuntimeError as error:
        raise DataError(f"The replicas do not start. {_reason_of(error)}") from None
    _await_proxies(host, port)


def _await_proxies(host: str, port: int) -> None:
    """Wait until the proxy of every node with a replica answers; `PlanError` where one does not."""
    from ray import serve  # noqa: PLC0415

    end = time.monotonic() + PROXY_SECONDS
    while time.monotonic() < end:
        states = [str(state.value) for state in serve.status().proxies.values()]
        if states and set(states) == {"HEALTHY"}:
            return
        time.sleep(0.2)
    raise PlanError(f"Ray Serve cannot listen on port {port} of {host} ({', '.join(states)}). Its logs on the nodes say why.")


def remove(with_serve: bool) -> None:
    """End the server, and Ray Serve too unless something else uses it."""
    from ray import serve  # noqa: PLC0415

    if NAME in serve.status().applications:
        serve.delete(NAME)
    if with_serve and not serve.status().applications:
        serve.shutdown()  # type: ignore[no-untyped-call,unused-ignore]


def _reason_of(error: Exception) -> str:
    """The last line of what Ray Serve says, which is that of the exception in the replica."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "`serve status` says why."
