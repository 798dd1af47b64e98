"""What the arguments of every verb may be: a task or a place, one name or many, a run or its folder.

`headstart.core.arguments.checked` converts by these annotations, or refuses in one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias

from headstart.backbones.pretrained import Names, name_of
from headstart.core.arguments import Accepts, each, instance_of, path_given
from headstart.core.errors import ArgumentError, DataError
from headstart.core.progress import stage
from headstart.data.task import Task
from headstart.runs.run_folder import RunFolder

NO_NAME = ("", "..")
"""The last part of a path that ends with no name of a folder: of "." and of ".."."""
A_TASK = "a task, a path or the name of a built-in set"
DATA = "a task, a path, the name of a built-in set, a frame or a Dataset"


def named_folder(folder: Path) -> Path:
    """The folder by a path that ends with its name: "." and ".." are resolved, any other path, or link, stays as it is."""
    return folder.resolve() if folder.name in NO_NAME else folder


def _task_or_place(value: Any) -> Any:
    return value if isinstance(value, Task) or _is_object(value) else path_given(value)


def _is_object(value: Any) -> bool:
    """Whether a value is data in memory, such as a frame."""
    if isinstance(value, str | Path | Task):
        return False
    from headstart.data.readers import is_object  # noqa: PLC0415  a prediction needs no reader

    return is_object(value)


def _place(value: Any) -> Any:
    """A path or a name; of a task the place that it was read from."""
    if not isinstance(value, Task):
        return path_given(value)
    if not value.place:
        raise DataError(f'The task "{value.name}" was not read from a place, and one is needed. Give the path of its data.')
    return value.place


Data: TypeAlias = Annotated[Any, Accepts(DATA, _task_or_place)]
"""A task, or what one is read from: a path, an address, a built-in name, a frame or a Dataset."""
Place: TypeAlias = Annotated[Task | str | Path, Accepts(A_TASK, _place)]
"""As `Data`, for what reads a place in its own way: of a task, the place that it was read from."""
Places: TypeAlias = Annotated[
    Task | str | Path | Sequence[Task | str | Path] | None, Accepts(f"{A_TASK}, or a list of such", each(_place))
]
"""One place, many, or none."""
Domains: TypeAlias = Annotated[
    str | Sequence[str] | None, Accepts("the name of a domain, or a list of such", each(instance_of(str)))
]
"""One name of a domain, many, or none."""
AnyRun: TypeAlias = Annotated[
    RunFolder | str | Path,
    Accepts("a run, or the path of its folder", lambda value: value if isinstance(value, RunFolder) else path_given(value)),
]
"""A run, or its folder."""


def place_of(data: Data) -> Any:
    """Where data lie, as text, or the object that they are: of a task the place that it was read from."""
    return data if _is_object(data) else str(_place(data))


class Reading(NamedTuple):
    """How data were read, or are to be read; see `headstart.read_task`."""

    place: str
    sources: tuple[str, ...] = ()
    target_domains: tuple[str, ...] = ()
    seed: int = 0
    per_class: int | None = None
    test: float | None = None
    leave_domain_out: bool = False


def reading_of(
    data: Data,
    source: Places = (),
    target_domain: Domains = (),
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
    leave_domain_out: bool = False,
) -> Reading:
    """How a task was read; for a place, what the other arguments say. `ArgumentError` where they contradict a task."""
    sources, target_domains = places(source), many(target_domain)
    if not isinstance(data, Task):
        place = str(data) if isinstance(data, str | Path) else ""
        return Reading(place, sources, target_domains, seed or 0, per_class, test, leave_domain_out)
    reading = Reading(
        data.place, data.source_places, data.target_domains, data.seed, data.per_class, data.test_share, data.leave_domain_out
    )
    asked = {
        "source": sources, "target_domain": target_domains, "seed": seed, "per_class": per_class, "test": test,
        "leave_domain_out": leave_domain_out or None,
    }  # fmt: skip
    for (name, value), own in zip(asked.items(), reading[1:], strict=True):
        if value not in (None, (), own):
            shown, was = (", ".join(one) if isinstance(one, tuple) else one for one in (value, None if own is False else own))
            raise ArgumentError(
                f"{name} = {shown} says how data are read, and the task was read with {'none' if was in (None, '') else was}. "
                "Leave it out, or give the path of the data."
            )
    return reading


def folder_given(run: AnyRun) -> Path:
    """The folder of a run that was given."""
    return run.folder if isinstance(run, RunFolder) else Path(run)


def many(names: Names) -> tuple[str, ...]:
    """The names as texts, however many were given."""
    return tuple(map(str, each(name_of)(names)))


def places(given: Places) -> tuple[str, ...]:
    """The places as texts, however many were given."""
    return tuple(map(str, each(_place)(given)))


def task_from(data: Data, reading: Reading) -> Task:
    """The task that was given, or that is read from a place like that."""
    if isinstance(data, Task):
        return data
    from headstart.data.reading import read_task  # noqa: PLC0415  a prediction needs no reader

    _, sources, target, seed, per_class, test, leave_domain_out = reading
    with stage("reading the data"):
        return read_task(data, seed, per_class, test=test, sources=sources, target=target, leave_domain_out=leave_domain_out)


def split_settings(settings: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of the method, and those named `training.NAME`, which are fields of `Training`."""
    given = (settings or {}).items()
    training = {key.removeprefix("training."): value for key, value in given if key.startswith("training.")}
    return {key.removeprefix("method."): value for key, value in given if not key.startswith("training.")}, training
