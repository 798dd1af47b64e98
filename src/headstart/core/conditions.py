"""Conditions: what the last bits of a result depend on beside its command, and whether results of others were used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from headstart.core.cores import num_threads, processor_name
from headstart.core.errors import PlanError
from headstart.core.findings import Finding
from headstart.core.records import Record

PACKAGES = ("numpy", "pillow", "torch", "openvino", "onnxruntime")
"""Those that pixels and features go through."""
CODE = "mixed-conditions"
FEATURES = "features of the cache"
STEPS = "earlier steps of this run"

_MET: ContextVar[set[str] | None] = ContextVar("conditions", default=None)


class Conditions(Record):
    """What features were made under; the engine is part of their address in the cache.

    Attributes:
        processor: Its name.
        threads: That libraries compute with.
        versions: Of the packages that are installed, by name.
    """

    processor: str
    threads: int
    versions: dict[str, str] = {}

    def differing(self, now: Conditions) -> list[str]:
        """What is not as it is now, each as a few words."""
        processor = [] if self.processor == now.processor else [self.processor]
        threads = [] if self.threads == now.threads else [f"{self.threads} threads" if self.threads != 1 else "1 thread"]
        packages = [f"{name} {found}" for name, found in self.versions.items() if now.versions.get(name) != found]
        return [*processor, *threads, *packages]


def conditions_now() -> Conditions:
    """The conditions of this process."""
    versions = {name: found for name in PACKAGES if (found := _version(name))}
    return Conditions(processor=processor_name(), threads=num_threads(), versions=versions)


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@contextmanager
def noting_conditions() -> Iterator[None]:
    """Inside, the conditions are noted under which the stored results that are used were made."""
    token = _MET.set(set())
    try:
        yield
    finally:
        _MET.reset(token)


def note_conditions(texts: Iterable[str]) -> None:
    """Note the conditions of stored results that are used, as JSON texts of the record."""
    met = _MET.get()
    if met is not None:
        met.update(texts)


def finding_of_conditions(earlier: Iterable[dict[str, Any]] = ()) -> tuple[Finding, ...]:
    """What a person should know where not all was made under the conditions of now; none where it was.

    Args:
        earlier: What differed when earlier calls worked on the same run, by name.

    Returns:
        The finding, or nothing.
    """
    now = conditions_now()
    features = {words for text in _MET.get() or () for words in _differing(text, now)}
    calls = {f"{name} {value}" for values in earlier for name, value in values.items()}
    if not features and not calls:
        return ()
    made = [made for made, met in ((FEATURES, features), (STEPS, calls)) if met]
    what, conditions = " and ".join(made), ", ".join(sorted(features | calls))
    return (
        Finding.info(
            CODE,
            f"Made under other conditions than now: {what} ({conditions}).",
            "Labels may differ from those of a run that is made anew here. For a run that can be repeated to the byte, give an "
            "empty cache (HEADSTART_CACHE) and another --out.",
            features=sorted(features),
            steps=sorted(calls),
            now=now.to_dict(),
        ),
    )


def _differing(text: str, now: Conditions) -> list[str]:
    try:
        return Conditions.from_json(text).differing(now)
    except PlanError:  # of a later version
        return []
