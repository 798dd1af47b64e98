"""A folder as a registry: the modules of a package and the entries of installed plug-ins, by name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, Generic, TypeVar

from headstart.core.errors import PlanError, did_you_mean
from headstart.core.moved import MOVED

T = TypeVar("T")
Entry = TypeVar("Entry", bound=Callable[..., Any])


def marked(**properties: Any) -> Callable[[Entry], Entry]:
    """A decorator that puts properties on a function that is an entry of a catalog; see `Catalog.having`."""

    def mark(entry: Entry) -> Entry:
        vars(entry).update(properties)
        return entry

    return mark


@dataclass(frozen=True, eq=False)
class Catalog(Generic[T]):
    """Finds one object per module of a package, named as the module's file.

    A module holds exactly one object that `accepts` takes and that is defined in it. Modules whose name starts with an
    underscore, and those named in `leave_out`, are not entries. A plug-in adds to the same catalog with an entry point of the
    group `headstart.<word>s`, whose name is the entry's name.

    Attributes:
        package: Dotted name of the package; sub-packages are searched too.
        word: The word for an entry in messages and in the entry-point group: "method", "score", "reader".
        accepts: Separates the entry from a module's other content.
        leave_out: Module names that are not entries.
        listed_by: The command that lists all entries, where there are too many for a message.
        removed: Entries of earlier versions by name, each with the entry to choose instead.
        how_instead: The sentence that says how to choose that entry, `{name}`, where an earlier version left the other one.
    """

    package: str
    word: str
    accepts: Callable[[Any], bool]
    leave_out: frozenset[str] = frozenset()
    listed_by: str = ""
    removed: Mapping[str, str] = field(default_factory=dict)
    how_instead: str = ""

    @cached_property
    def _modules(self) -> dict[str, str]:
        package = importlib.import_module(self.package)
        found: dict[str, str] = {}
        for info in pkgutil.walk_packages(package.__path__, prefix=f"{self.package}."):
            name = info.name.rsplit(".", 1)[-1]
            if not info.ispkg and not name.startswith("_") and name not in self.leave_out:
                found[name] = info.name
        return found

    def _plug_ins(self) -> dict[str, EntryPoint]:
        points = installed_entry_points(f"headstart.{self.word}s", tuple(sys.path))
        return {point.name: point for point in points}

    def names(self) -> list[str]:
        """All names, sorted; nothing is imported beyond the package."""
        return sorted({*self._modules, *self._plug_ins()})

    def get(self, name: str) -> T:
        """The entry of that name; a PlanError where there is none, or a plug-in cannot be loaded or is of another kind."""
        if name in self._modules:
            module = importlib.import_module(self._modules[name])
            for value in vars(module).values():
                if getattr(value, "__module__", None) == module.__name__ and self.accepts(value):
                    return value  # type: ignore[no-any-return]
            raise PlanError(f"{self._modules[name]} holds no {self.word}.")
        plug_in = self._plug_ins().get(name)
        if plug_in is None and name in self.removed:
            instead = self.removed[name]
            advice = f"Choose {instead} instead. {self.how_instead.format(name=instead)}".rstrip()
            raise PlanError(f'The {self.word} "{name}" was removed. {advice}')
        if plug_in is None:
            near = did_you_mean(name, self.names())
            known = f"`{self.listed_by}` lists all." if self.listed_by else f"Known: {', '.join(self.names())}."
            raise PlanError(f'"{name}" is not a {self.word}.{near} {known}')
        try:
            value = plug_in.load()
        except (ImportError, AttributeError) as error:
            old = _moved_module(error)
            if old:
                raise PlanError(
                    f'The plug-in "{name}" ({plug_in.value}) imports {old}, which is {MOVED[old]} now. Change that import.'
                ) from error
            raise PlanError(
                f'The plug-in "{name}" ({plug_in.value}) cannot be loaded ({error}). Mend or uninstall it.'
            ) from error
        if not self.accepts(value):
            raise PlanError(f'The plug-in "{name}" ({plug_in.value}) is not a {self.word}.')
        return value  # type: ignore[no-any-return]

    def all(self) -> dict[str, T]:
        """Every entry by name."""
        return {name: self.get(name) for name in self.names()}

    def having(self, mark: str) -> dict[str, Any]:
        """By name, that property of every entry that has it, such as `marked` gives."""
        return {name: getattr(entry, mark) for name, entry in self.all().items() if hasattr(entry, mark)}


@cache
def installed_entry_points(group: str, path: tuple[str, ...]) -> EntryPoints:
    """The entry points of a group of all packages on that path, `sys.path`: read once, as it opens a file of every package."""
    return entry_points(group=group)


def is_final_class(base: type) -> Callable[[Any], bool]:
    """A test for concrete classes below `base`."""
    return lambda value: inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value)


def _moved_module(error: Exception) -> str | None:
    """The module of an earlier version that an import failed for; None where it failed for another reason."""
    if not isinstance(error, ImportError):
        return None
    member = re.match(r"cannot import name '(\w+)'", str(error))  # `from headstart.package import module`
    names = [*([f"{error.name}.{member[1]}"] if member else []), str(error.name)]  # a package may stand where a module stood
    return next((name for name in names if name in MOVED), None)
