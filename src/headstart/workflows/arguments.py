"""What the arguments of every verb may be: a task or a place, one name or many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from headstart.core.progress import stage
from headstart.data.reading import read_task
from headstart.data.task import Task

Data: TypeAlias = Task | str | Path
"""A task, or the path or built-in name that one is read from."""
Names: TypeAlias = str | Path | Sequence[str | Path] | None
"""One name or path, many, or none."""


def many(names: Names) -> tuple[str, ...]:
    """The names as texts, however many were given."""
    if names is None:
        return ()
    return (str(names),) if isinstance(names, str | Path) else tuple(map(str, names))


def task_from(
    data: Data,
    source: Names = (),
    target_domain: Names = (),
    seed: int = 0,
    per_class: int | None = None,
    test: float | None = None,
) -> Task:
    """The task that was given, or that is read from a place; the other arguments are for a place."""
    if isinstance(data, Task):
        return data
    with stage("reading the data"):
        return read_task(data, seed, per_class, test=test, sources=many(source), target=many(target_domain))


def split_settings(settings: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of the method, and those named `training.NAME`, which are fields of `Training`."""
    given = (settings or {}).items()
    training = {key.removeprefix("training."): value for key, value in given if key.startswith("training.")}
    return {key.removeprefix("method."): value for key, value in given if not key.startswith("training.")}, training
