"""The machine of a benchmark in one line: the processor, its cores, the arithmetic it has, and the libraries' versions.

PyTorch reads the processor itself, on Linux, macOS and Windows alike, on x86 and on ARM (`torch.cpu.get_capabilities`). A release
that cannot (before 2.12) leaves the name to the system and the arithmetic to the widest kernels that PyTorch would use.
`ONEDNN_MAX_CPU_ISA` switches instructions off for oneDNN and OpenVINO, and not for the processor: the line names it where it is
set.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import torch

from headstart.backbones.processor import LIMIT
from headstart.core.cores import num_cores

ARITHMETIC = (
    ("AVX2", ("avx2",)),
    ("AVX-512", ("avx512_f",)),
    ("VNNI", ("avx512_vnni", "avx_vnni")),
    ("AMX", ("amx_tile",)),
    ("NEON", ("neon",)),
    ("SVE", ("sve",)),
    ("SME", ("sme",)),
    ("int8 products", ("i8mm", "dot")),
    ("bf16", ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")),
    ("fp16", ("avx512_fp16", "amx_fp16", "fp16_arith")),
)
"""The field's name, and the capabilities of which one is enough for it."""
ALWAYS_SAID = ("AMX", "bf16")
"""They change the order of the engines, so that their absence is said, on x86 both and elsewhere bf16."""
LIBRARIES = ("torch", "openvino", "onnxruntime", "pillow")


class Processor(NamedTuple):
    """What a processor is called and what it can do.

    Attributes:
        name: The maker's name for it, or the architecture where the system does not tell it.
        num_cores: That this process may use.
        arithmetic: Of `ARITHMETIC`, those it has.
        lacking: Of `ALWAYS_SAID`, those that it could have and has not.
        limit: The value of `ONEDNN_MAX_CPU_ISA`; empty where it is not set.
    """

    name: str
    num_cores: int
    arithmetic: tuple[str, ...]
    lacking: tuple[str, ...]
    limit: str = ""

    def __str__(self) -> str:
        able = [*self.arithmetic, *(f"no {name}" for name in self.lacking)]
        cores = f"{self.num_cores} core{'s' * (self.num_cores != 1)}"
        return f"{cores} {self.name} ({', '.join(able) or 'arithmetic unknown'})" + self.limit * bool(self.limit)


def processor() -> Processor:
    """The processor of this machine."""
    limit = os.environ.get(LIMIT, "")
    return processor_of(_capabilities(), num_cores())._replace(limit=f", limited by {LIMIT}={limit}" if limit else "")


def processor_of(capabilities: Mapping[str, Any], num_cores: int) -> Processor:
    """The processor that has these capabilities, as `torch.cpu.get_capabilities` names them."""
    found = tuple(name for name, keys in ARITHMETIC if any(capabilities.get(key) for key in keys))
    x86 = "x86" in str(capabilities.get("architecture", ""))
    lacking = tuple(name for name in ALWAYS_SAID if name not in found and (x86 or name != "AMX"))
    name = str(capabilities.get("cpu_name") or capabilities.get("architecture") or "unknown processor")
    return Processor(" ".join(name.split()), num_cores, found, lacking)


def _capabilities() -> Mapping[str, Any]:
    ask = getattr(torch.cpu, "get_capabilities", None)
    return ask() if ask else _capabilities_of_older_torch(torch.backends.cpu.get_cpu_capability())


def _capabilities_of_older_torch(widest: str) -> dict[str, Any]:
    """What the widest kernels tell ("AVX2", "AVX512", "SVE256", "DEFAULT"), and the system's name of the processor."""
    machine = platform.machine()
    return {
        "cpu_name": platform.processor() or machine,
        "architecture": machine.lower().replace("amd64", "x86_64"),
        "avx2": widest in {"AVX2", "AVX512"},
        "avx512_f": widest == "AVX512",
        "avx512_bf16": getattr(torch.cpu, "_is_avx512_bf16_supported", bool)(),
        "amx_tile": getattr(torch.cpu, "_is_amx_tile_supported", bool)(),
        "neon": machine.lower() in {"arm64", "aarch64"},
        "sve": widest.startswith("SVE"),
    }


def machine_line() -> str:
    """The processor, the system, the GPU if any, and the versions of the libraries that compute."""
    gpu = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    versions = [f"{name} {found}" for name in LIBRARIES if (found := _version(name))]
    return "; ".join([str(processor()), *gpu, f"{platform.system()} Python {platform.python_version()}", ", ".join(versions)])


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
