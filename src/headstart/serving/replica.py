"""Replica: one of the processes that answer for a server on a cluster, and the owner's process beside them, for Ray Serve."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from fastapi import FastAPI

from headstart.core.errors import HeadstartError
from headstart.core.progress import note
from headstart.serving.application import application
from headstart.serving.at_owner import Ask, FoldersAtOwner, asking
from headstart.serving.copies import folder_for_copies
from headstart.serving.limits import Limits
from headstart.serving.metrics import summed
from headstart.serving.owner import Owner, Report, Standing
from headstart.serving.refusals import RefusedError
from headstart.serving.security import Receive, Scope, Send
from headstart.serving.service import Service

REPORT_SECONDS = 0.5
"""How often a replica tells the owner what it does, and hears of new files. Chosen, not measured."""
OWNERS_THREADS = 32
"""Of the owner: so many replicas can wait for files, comparisons and changes at the same time. Chosen, not measured."""


class OwnersProcess:
    """The owner as an actor, whose methods are called by name in threads."""

    def __init__(self) -> None:
        self._owner = Owner()
        self._threads = ThreadPoolExecutor(OWNERS_THREADS, thread_name_prefix="owner")

    async def ask(self, method: str, *arguments: Any) -> Any:
        """What a method of the owner returns."""
        work = getattr(self._owner, method)
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*arguments))


@dataclass(frozen=True)
class Answering:
    """A service by some settings, and the application that answers for it."""

    settings: dict[str, Any]
    folders: FoldersAtOwner
    service: Service
    app: FastAPI
    below: Path

    @property
    def generation(self) -> int:
        """Of the settings."""
        return int(self.settings["generation"])

    def close(self) -> None:
        """Answer what waits, and delete the copies."""
        self.service.close()
        shutil.rmtree(self.below, ignore_errors=True)


class Replica:
    """A service with copies of the folders, which follow the owner's: new files, new settings, and the end.

    New settings take the place of old ones between two requests, as a run that is fitted again does.

    Args:
        num_threads: Of PyTorch.
        environment: Variables of the process that started the server which decide what is computed.
    """

    def __init__(self, num_threads: int, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        torch.set_num_threads(num_threads)
        self.name = uuid4().hex
        self._ask: Ask = asking()
        self._failed: tuple[int, str] | None = None
        self._known_to_owner = 0
        self._before: list[Answering] = []
        self._closed: list[Any] = []
        self._changing = threading.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        with ThreadPoolExecutor(1) as thread:  # an event loop runs in this one, where nothing may be asked and waited for
            self._answering = thread.submit(lambda: self._loaded(self._first_settings())).result()
        self._following = asyncio.get_running_loop().create_task(self._follow())

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by the settings that are newest now."""
        await self._answering.app(scope, receive, send)

    async def check_health(self) -> None:
        """Raises where no request can be answered; Ray Serve then starts another replica."""
        fault = self._answering.service.fault
        if self._following.done():
            raise RuntimeError("The replica does not hear of its owner any more.")
        if fault is not None and not self._answering.service.draining:
            raise RuntimeError(fault)

    def close(self) -> None:
        """End everything; called when requests come no more."""
        self._following.cancel()
        self._answering.close()

    def _first_settings(self) -> dict[str, Any]:
        """The newest settings, once the owner has any."""
        while not (settings := self._ask("newest"))["generation"]:
            time.sleep(REPORT_SECONDS)
        return dict(settings)

    def _loaded(self, settings: dict[str, Any]) -> Answering:
        below = folder_for_copies(f"{self.name}-{settings['generation']}")
        limits = Limits.from_dict(settings["limits"], "serve")
        ask = asking(limits.deadline_seconds)
        folders = FoldersAtOwner(ask, self._ask, below, settings["shown"] is not None, self.report)
        try:
            runs, galleries = ([folders.copied(name) for name in settings[kind]] for kind in ("runs", "galleries"))
            service = Service(
                runs, galleries, limits, read_only=settings["read_only"],
                examples=settings["examples"], folders=folders,
            )  # fmt: skip
        except BaseException:
            shutil.rmtree(below, ignore_errors=True)
            raise
        app = application(service, settings["key_digests"], settings["origins"], settings["local"])
        return Answering(settings, folders, service, app, below)

    def report(self) -> Report:
        """What this process does."""
        with self._changing:
            now, failed = self._answering, self._failed
            services = [one.service for one in (now, *self._before)]
            families = summed([one.metrics.families() for one in services], [self._closed])
        generation, fault = failed or (0, None)
        num_begun = sum(one.num_begun for one in services)
        settings = now.settings if self._known_to_owner < now.generation else None
        return Report(
            self.name, os.getpid(), now.generation, generation, fault, now.service.draining, num_begun, families, settings
        )

    async def _follow(self) -> None:
        """Tell the owner what this process does, and do what it hears, until the end."""
        while True:
            try:
                standing: Standing = await asyncio.to_thread(lambda: self._ask("report", self.report()))
                await self._obey(standing)
            except Exception as error:  # noqa: BLE001  the owner is started again, or a file is being written: requests go on
                note(f"The folders cannot be followed now. {error}")
            await asyncio.sleep(REPORT_SECONDS)

    async def _obey(self, standing: Standing) -> None:
        self._known_to_owner = standing.generation
        if standing.generation > max(self._answering.generation, self._failed[0] if self._failed else 0):
            await self._renew(standing.generation)
        self._answering.service.draining = standing.draining
        for name, copy in self._answering.folders.copies.items():
            if name in standing.contents:
                await asyncio.to_thread(copy.follow, standing.contents[name])

    async def _renew(self, generation: int) -> None:
        """Answer by the newest settings; what cannot be loaded leaves the old ones in place, and is reported."""
        try:
            made = await asyncio.to_thread(lambda: self._loaded(self._ask("newest")))
        except (HeadstartError, RefusedError) as error:
            self._failed = generation, str(error)
            return
        with self._changing:
            before, self._answering, self._failed = self._answering, made, None
            self._before.append(before)
        task = asyncio.get_running_loop().create_task(self._retire(before))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retire(self, before: Answering) -> None:
        """Close what answers no new request once it has answered those that it began; its counts stay."""
        while before.service.num_begun:
            await asyncio.sleep(0.1)
        with self._changing:
            self._closed = summed([], [self._closed, before.service.metrics.families()])
            self._before.remove(before)
        await asyncio.to_thread(before.close)


class Entrance:
    """The application that Ray Serve calls: that of the replica which lives in the same process."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the replica answer."""
        if scope["type"] == "lifespan":
            await _live(receive, send, lambda: _own_replica().close())
        else:
            await _own_replica().answer(scope, receive, send)


def _own_replica() -> Replica:
    """The replica of this process."""
    from ray import serve  # noqa: PLC0415

    found: Any = serve.get_replica_context().servable_object
    return found  # type: ignore[no-any-return]


async def _live(receive: Receive, send: Callable[[Any], Awaitable[None]], end: Callable[[], None]) -> None:
    """Say that the application starts, and end it when it is told to."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.to_thread(end)
    await send({"type": "lifespan.shutdown.complete"})
