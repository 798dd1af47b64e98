"""Machine: what engines and their speed depend on beside the network."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from headstart.backbones.engines.kept_engines import RUNTIMES
from headstart.core.cores import num_cores, processor_name
from headstart.core.records import Record

ABSENT = "none"
"""The version of a library that is not installed."""


class Machine(Record):
    """The machine that engines were tried on.

    Attributes:
        processor: Its name.
        num_cores: That this process may use.
        gpu: The name of the first CUDA device; empty where there is none.
        native: Engines whose arithmetic the hardware has.
        limit: The instructions that `ONEDNN_MAX_CPU_ISA` allows; empty where it is not set.
        versions: Of the libraries.
    """

    processor: str
    num_cores: int
    gpu: str
    native: tuple[str, ...]
    limit: str
    versions: dict[str, str]

    @property
    def installed(self) -> dict[str, str]:
        """The versions of those libraries that are there."""
        return {name: found for name, found in self.versions.items() if found != ABSENT}


def this_machine() -> Machine:
    """The machine as it is now."""
    import torch  # noqa: PLC0415  the record is read without it

    from headstart.backbones.processor import LIMIT  # noqa: PLC0415

    return Machine(
        processor=processor_name(),
        num_cores=num_cores(),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        native=tuple(native_engine_names()),
        limit=os.environ.get(LIMIT, ""),
        versions={package: _version(package) for package in _packages()},
    )


def _packages() -> list[str]:
    return [package for name in RUNTIMES.names() if (package := RUNTIMES.get(name).package)]


def engine_names() -> list[str]:
    """What this machine can run, as `RUNTIME-PRECISION`, emulated arithmetic included."""
    return [f"{name}-{precision}" for name in RUNTIMES.names() for precision in RUNTIMES.get(name)().precisions()]


def native_engine_names() -> list[str]:
    """Those of `engine_names` whose arithmetic the hardware has: all that are worth a trial."""
    return [f"{name}-{precision}" for name in RUNTIMES.names() for precision in RUNTIMES.get(name)().native()]


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT


def machine_fingerprint() -> str:
    """Changes with what engines and their speed depend on beside the network."""
    return this_machine().content_fingerprint()
