"""Ray executor: works run on the nodes of a cluster; what a node takes with it when it is lost runs elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, NamedTuple, TypeVar

from headstart.cluster.account import Account, ClusterUse
from headstart.cluster.connection import SECONDS_UNTIL_KNOWN, Connection, Node, connected
from headstart.cluster.worker import Done, called, settings_of_caller
from headstart.core.errors import HeadstartError, PlanError, TrainingError
from headstart.core.executing import Advance, Executor, InProcess, Pending, Shared, Work, executing_on
from headstart.core.progress import note
from headstart.core.records import fingerprint_of
from headstart.core.stopping import StoppedError, stop_if_asked

R = TypeVar("R")
T = TypeVar("T")

MOST_CRASHES = 3
"""So often work may end its process, on nodes that live on, before it counts as what ends it. Chosen, not measured."""
MOST_LOSSES = 100
"""So often work begins anew because its node is lost. Chosen, not measured."""
ENDING_SECONDS = 20.0
"""So long work that ends itself may take to write and send what it has when the time is over. Chosen, not measured."""
MOST_REOPENED = 5
"""So often one call may find that the head is gone although it came back before. Chosen, not measured."""
NODES_SECONDS = 1.0
"""So long the nodes are taken to be the same."""
POLL_SECONDS = 1.0
"""A waiting driver looks that often whether it should stop."""
PENDING_A_WORKER = 2
"""Works that are begun for each worker, so that none waits for the driver. Chosen, not measured."""


class RayShared(Shared[T]):
    """A value that is put into the cluster once for each time that it was connected.

    Args:
        value: The value.
        connection: Of the cluster.
    """

    def __init__(self, value: T, connection: Connection) -> None:
        super().__init__(value)
        self.connection = connection
        self._reference: tuple[int, Any] | None = None

    @property
    def reference(self) -> Any:
        """Ray's reference to the value."""
        import ray  # noqa: PLC0415 - only where a cluster is asked for

        if self._reference is None or self._reference[0] != self.connection.epoch:
            self._reference = self.connection.epoch, ray.put(self.value)
        return self._reference[1]


class Raised(NamedTuple):
    """What a work raised, which is not what the connection raises."""

    cause: BaseException


class RayPending(Pending[R]):
    """Work on the cluster.

    Args:
        owner: Who runs it.
        work: What runs.
    """

    def __init__(self, owner: RayExecutor, work: Work[R]) -> None:
        self.owner = owner
        self.work = work
        self.epoch = -1
        self.crashes = self.losses = 0
        self.reference: Any = None
        self.nodes: frozenset[str] = frozenset()
        self.outcome: Done | Raised | None = None

    def begin(self) -> None:
        """Hand the work, or hand it again, to Ray; what no node can ever run comes to that sentence."""
        fault = self.owner.why_no_room(self.work)
        if fault:
            self.outcome = Raised(TrainingError(fault))
            return
        self.reference = self.owner.handed(self.work)
        self.epoch = self.owner.connection.epoch
        self.nodes = frozenset(node.identity for node in self.owner.nodes())

    def result(self, advance: Advance = lambda _: None) -> R:
        try:
            outcome = self.owner.waited_for(self, advance)
        finally:
            self.owner.outstanding.discard(self)
        if isinstance(outcome, Raised):
            raise _told(outcome.cause, self.work.name)
        answer: R = outcome.result
        outcome.result = None  # taken once, so that results of many works do not stay in memory
        return answer

    def cancel(self) -> None:
        import ray  # noqa: PLC0415 - only where a cluster is asked for

        self.owner.outstanding.discard(self)
        if self.outcome is None and self.epoch == self.owner.connection.epoch:
            with suppress(ConnectionError, ray.exceptions.RayError):  # the head is gone, and the work with it
                ray.cancel(self.reference, force=True)


class RayExecutor(Executor):
    """Runs works on a cluster.

    A step has as many threads as this process would use, or as the smallest node has cores. Work whose node is lost runs
    elsewhere; where the head is lost, what was not finished is handed to it again once it is back.

    Args:
        connection: Of the cluster.

    Attributes:
        account: What was computed where.
        seen: Every node that was ever there.
    """

    is_remote = True

    def __init__(self, connection: Connection) -> None:
        import torch  # noqa: PLC0415 - the start of the program needs none of it

        super().__init__()
        self.connection = connection
        self.outstanding: set[RayPending[Any]] = set()
        self.account = Account()
        self._listed: tuple[int, float, tuple[Node, ...]] = (-1, 0.0, ())
        self._called: tuple[int, Any] | None = None
        self._is_lost = False
        self.seen: dict[str, Node] = {}
        self.threads = max(1, min(torch.get_num_threads(), int(min(node.cores for node in self._working_nodes()))))
        engine = os.environ.get("HEADSTART_ENGINE", "")
        self.identity = fingerprint_of([connection.versions, engine, self.threads])

    def nodes(self) -> tuple[Node, ...]:
        """The machines that were there within the last second: to ask for them takes as long as to hand out many works."""
        epoch, asked, _ = self._listed
        if epoch != self.connection.epoch or time.monotonic() - asked > NODES_SECONDS:
            self._listed = self.connection.epoch, time.monotonic(), self.connection.nodes()
            self.seen |= {node.identity: node for node in self._listed[2]}
        return self._listed[2]

    def _working_nodes(self) -> list[Node]:
        return [node for node in self.nodes() if node.cores >= 1]

    @property
    def num_workers(self) -> int:
        nodes = self._while_reachable(self._working_nodes)
        return max(1, sum(int(node.cores) // self.threads for node in nodes))

    @property
    def most_pending(self) -> int:
        return PENDING_A_WORKER * self.num_workers

    def _as_shared(self, value: T) -> Shared[T]:
        return RayShared(value, self.connection)

    def submit(self, work: Work[R]) -> Pending[R]:
        pending = RayPending(self, work)
        self._while_reachable(pending.begin)
        self.outstanding.add(pending)
        return pending

    def threads_of(self, work: Work[Any]) -> int:
        """The number of threads, and cores, that a work has."""
        return min(work.resources.cores or self.threads, self.threads)

    @property
    def use(self) -> ClusterUse:
        return self.account.use(self.connection.address, self.threads)

    def handed(self, work: Work[R]) -> Any:
        """Ray's reference to the result of the work, which begins as soon as a node has room."""
        import ray  # noqa: PLC0415 - only where a cluster is asked for

        threads = self.threads_of(work)
        options: dict[str, Any] = {"num_cpus": threads, "max_retries": 0, "name": work.name or work.function.__name__}
        if self._gpus_of(work):
            options["num_gpus"] = self._gpus_of(work)
        if work.resources.memory_bytes:
            options["memory"] = work.resources.memory_bytes
        arguments = [one.reference if isinstance(one, RayShared) else one for one in work.arguments]
        if self._called is None or self._called[0] != self.connection.epoch:
            self._called = self.connection.epoch, ray.remote(called)  # each new one travels to the cluster again
        settings = settings_of_caller(threads, self.connection.versions)
        return self._called[1].options(**options).remote(settings, work.function, *arguments)

    def _gpus_of(self, work: Work[Any]) -> float:
        return work.resources.gpus if any(node.gpus for node in self.seen.values()) else 0.0

    def why_no_room(self, work: Work[Any]) -> str:
        """Why no node that was ever seen can run the work, which Ray would wait for without a word; empty where one can."""
        threads, gpus, memory = self.threads_of(work), self._gpus_of(work), work.resources.memory_bytes
        able = [node for node in self.seen.values() if node.cores >= threads and node.gpus >= gpus]
        if not self.seen or any(node.memory_bytes >= memory for node in able):
            return ""
        most = max((node.memory_bytes for node in able), default=0.0)
        having = f" of those with {gpus:g} GPUs" if gpus else ""
        return (
            f"{work.name} takes about {memory / 1e9:,.1f} GB of memory, and the largest node of the cluster{having} has "
            f"{most / 1e9:,.1f} GB. Add a larger node, or choose a smaller network."
        )

    def _while_reachable(self, action: Callable[[], T]) -> T:
        """What the action returns; where the head is gone, it is made again once that is back, with what was not finished."""
        import grpc  # noqa: PLC0415 - only where a cluster is asked for
        import ray  # noqa: PLC0415

        for attempt in count():
            try:
                if self._is_lost:
                    self.connection.reopen()
                    self._is_lost = False
                for pending in self.outstanding:
                    if pending.outcome is None and pending.epoch not in (-1, self.connection.epoch):
                        pending.begin()
                return action()
            except (ConnectionError, grpc.RpcError, ray.exceptions.RayError) as error:
                # gRPC's own where another head answers, which does not know this client; Ray's where it has let go already.
                if isinstance(error, ray.exceptions.RayError) and ray.is_initialized():
                    raise
                if attempt == MOST_REOPENED:
                    raise PlanError(
                        f"The cluster at {self.connection.address} ended the connection {attempt} times at the same work "
                        f"({_reason(error)}). Are its functions installed there?"
                    ) from error
                self._is_lost = True
        raise AssertionError("unreachable")

    def waited_for(self, pending: RayPending[Any], advance: Advance) -> Done | Raised:
        """What the work came to; it is begun anew where its node was lost.

        Where trying has to end, so does the waiting; work that ends itself when the time is over may bring what it has.
        """
        over: float | None = None
        told = 0
        while pending.outcome is None:
            self._while_reachable(lambda: self._look_for(pending))
            finished = sum(one.outcome is not None for one in self.outstanding)
            advance(max(0, finished - told))
            told = max(told, finished)
            try:
                stop_if_asked()
            except StoppedError as stopped:
                over = over or time.monotonic()
                late = time.monotonic() - over > ENDING_SECONDS
                if pending.outcome is None and (not pending.work.ends_itself or stopped.reason == "interrupted" or late):
                    pending.cancel()
                    raise
        return pending.outcome

    @property
    def num_begun(self) -> int:
        return len(self.outstanding)

    def _look_for(self, wanted: RayPending[Any]) -> None:
        """Wait a second for a work, and take in whatever is finished: a node may be lost with results that nobody took."""
        import ray  # noqa: PLC0415 - only where a cluster is asked for

        ray.wait([wanted.reference], timeout=POLL_SECONDS)
        running = {pending.reference: pending for pending in (wanted, *self.outstanding) if pending.outcome is None}
        for reference in ray.wait(list(running), num_returns=len(running), timeout=0)[0]:
            self._take_in(running[reference])

    def _take_in(self, pending: RayPending[Any]) -> None:
        """Note what a work came to; one that a lost node took along is begun anew."""
        import ray  # noqa: PLC0415 - only where a cluster is asked for

        try:
            done: Done = ray.get(pending.reference)
        except ray.exceptions.RayTaskError as error:
            pending.outcome = Raised(error.cause)
        except ray.exceptions.RayError as error:
            if not ray.is_initialized():
                raise
            self._begin_anew(pending, error)
        else:
            pending.outcome = done
            self.account.add(pending.work.group or pending.work.name, done, self.threads_of(pending.work))

    def _begin_anew(self, pending: RayPending[Any], error: Exception) -> None:
        """Begin work again that its process or node took along; where that is hopeless, it comes to a `TrainingError`."""
        time.sleep(SECONDS_UNTIL_KNOWN)
        alive = frozenset(node.identity for node in self.connection.nodes())
        lost = pending.nodes - alive
        pending.losses, pending.crashes = (pending.losses + 1, pending.crashes) if lost else (pending.losses, pending.crashes + 1)
        if pending.crashes >= MOST_CRASHES or pending.losses >= MOST_LOSSES:
            times = pending.crashes + pending.losses
            pending.outcome = Raised(
                TrainingError(
                    f"{pending.work.name} ended its process {times} times, the last time with: {_reason(error)}. "
                    "Give the nodes more memory, or lower training.batch_size."
                )
            )
            return
        self.account.num_repeated += 1
        note(f"{pending.work.name} is begun anew: {'its node was lost' if lost else _reason(error)}.")
        pending.begin()

    def on_each_node(self, function: Callable[..., R], *arguments: Any) -> dict[str, R]:
        found = self._while_reachable(lambda: self.connection.on_each_node(function, *arguments))
        return {node.name: answer for node, answer in found.items()}


def _told(cause: BaseException, name: str) -> BaseException:
    """What a work raised, with its name where it is one of ours."""
    named = isinstance(cause, HeadstartError) and not str(cause).startswith(name)
    return type(cause)(f"{name}: {cause}") if named else cause


def _reason(error: BaseException) -> str:
    """The first sentence of what Ray says, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".")[:300]


@contextmanager
def on_cluster(address: str | None) -> Iterator[Executor]:
    """Inside, works run on the cluster at an address, see `connected`; in this process where that is None."""
    if address is None:
        with executing_on(InProcess()) as here:
            yield here
        return
    with connected(address) as connection, executing_on(RayExecutor(connection)) as chosen:
        yield chosen
