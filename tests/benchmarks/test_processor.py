"""A processor is named by what it is called and what it can do, on every kind of machine."""

from __future__ import annotations

import pytest
import torch
from benchmarks import processor as module
from benchmarks.processor import Processor, machine_line, processor, processor_of

ZEN_4 = {
    "cpu_name": "AMD EPYC",
    "architecture": "x86_64",
    "avx2": True,
    "avx512_f": True,
    "avx512_vnni": True,
    "avx512_bf16": True,
}
LAPTOP = {
    "cpu_name": "Intel(R)  Core(TM) i5-1135G7 ",
    "architecture": "x86_64",
    "avx2": True,
    "avx512_f": True,
    "avx512_bf16": False,
}
SERVER = {**ZEN_4, "cpu_name": "Intel Xeon", "amx_tile": True, "amx_bf16": True}
APPLE = {"cpu_name": "Apple M2", "architecture": "arm64", "neon": True, "bf16": True, "fp16_arith": True, "i8mm": True}
GRAVITON = {"architecture": "arm64", "neon": True, "sve": True, "bf16": False}


@pytest.mark.parametrize(
    ("capabilities", "cores", "line"),
    [
        (ZEN_4, 2, "2 cores AMD EPYC (AVX2, AVX-512, VNNI, bf16, no AMX)"),
        (LAPTOP, 8, "8 cores Intel(R) Core(TM) i5-1135G7 (AVX2, AVX-512, no AMX, no bf16)"),
        (SERVER, 64, "64 cores Intel Xeon (AVX2, AVX-512, VNNI, AMX, bf16)"),
        (APPLE, 8, "8 cores Apple M2 (NEON, int8 products, bf16, fp16)"),
        (GRAVITON, 1, "1 core arm64 (NEON, SVE, no bf16)"),
        ({}, 2, "2 cores unknown processor (no bf16)"),
    ],
    ids=["zen 4", "laptop", "server", "apple", "graviton", "unknown"],
)
def test_a_processor_is_one_line(capabilities: dict[str, object], cores: int, line: str) -> None:
    assert str(processor_of(capabilities, cores)) == line


def test_instructions_that_are_switched_off_for_the_libraries_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(module.LIMIT, raising=False)
    free = str(processor())
    monkeypatch.setenv(module.LIMIT, "AVX512_CORE")
    assert str(processor()) == f"{free}, limited by ONEDNN_MAX_CPU_ISA=AVX512_CORE"


@pytest.mark.parametrize(
    ("machine", "widest", "line"),
    [
        ("AMD64", "AVX512", "2 cores Some CPU (AVX2, AVX-512, no AMX, no bf16)"),
        ("x86_64", "AVX2", "2 cores Some CPU (AVX2, no AMX, no bf16)"),
        ("arm64", "DEFAULT", "2 cores Some CPU (NEON, no bf16)"),
        ("aarch64", "SVE256", "2 cores Some CPU (NEON, SVE, no bf16)"),
    ],
)
def test_an_older_torch_names_its_widest_kernels(monkeypatch: pytest.MonkeyPatch, machine: str, widest: str, line: str) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.processor", lambda: "Some CPU")
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: widest)
    assert str(processor_of(module._capabilities(), 2)) == line


def test_this_machine_is_named_with_its_libraries() -> None:
    assert isinstance(processor(), Processor)
    assert str(processor()) in machine_line()
    assert f"torch {torch.__version__}" in machine_line()
    assert "not a library" not in machine_line()
    assert module._version("not-a-library") is None
