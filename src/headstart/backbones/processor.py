"""Processor: the arithmetic that it has itself, by PyTorch's account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

LIMIT = "ONEDNN_MAX_CPU_ISA"
"""Environment variable that hides instructions of the processor from PyTorch's and OpenVINO's kernels."""
_WITH_BF16 = ("BF16", "FP16", "AMX", "AVX10", "VNNI_2", "ALL", "DEFAULT")
"""Parts of the names of those limits that leave bf16 in, by oneDNN's documentation of its CPU dispatcher."""


def has_bf16() -> bool:
    """Whether this processor multiplies bf16 itself, and PyTorch has kernels for it that `ONEDNN_MAX_CPU_ISA` does not hide."""
    limit = os.environ.get(LIMIT, "").upper()
    allowed = not limit or any(part in limit for part in _WITH_BF16)
    return allowed and bf16_among(processor_capabilities())


def bf16_among(capabilities: Mapping[str, Any]) -> bool:
    """Whether a processor of these capabilities multiplies bf16 itself, and PyTorch has kernels for it.

    Args:
        capabilities: As `torch.cpu.get_capabilities` names them: AVX-512 BF16 or AMX on x86, the bf16 extension on ARM.

    Returns:
        False also where nothing is known: emulated bf16 is slower than float32.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "amx_tile", "bf16", "sve_bf16"))


def processor_capabilities() -> Mapping[str, Any]:
    """What PyTorch knows of the processor, by name; empty answers where a release of PyTorch, as 2.4, knows nothing."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # of PyTorch since 2.10
    if ask:
        found: Mapping[str, Any] = ask()
        return found
    names = {"avx512_bf16": "_is_avx512_bf16_supported", "amx_tile": "_is_amx_tile_supported"}
    return {name: getattr(torch.cpu, question, bool)() for name, question in names.items()}
