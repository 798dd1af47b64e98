"""Kept engines: engines by name, and those that an earlier process made, without the network and without PyTorch."""

from __future__ import annotations

from headstart.backbones.engines.base import Engine, ProgramKey, Runtime
from headstart.core.catalog import Catalog, is_final_class

RUNTIMES: Catalog[type[Runtime]] = Catalog(
    "headstart.backbones.engines",
    "engine",
    is_final_class(Runtime),
    frozenset({"base", "choice", "chosen", "graphs", "kept_engines", "machine", "reached", "trial"}),
)


def kept_engine(name: str, key: ProgramKey) -> Engine | None:
    """The engine `RUNTIME-PRECISION` of a program that was made on this machine before; None where none is kept.

    Its outputs are equal to those of the engine that was kept.
    """
    runtime, _, precision = name.partition("-")
    return RUNTIMES.get(runtime)().kept_engine(key, precision) if runtime in RUNTIMES.names() else None
