"""Which arithmetic counts as native is asked of the hardware; here it is simulated."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest
import torch as pytorch

from headstart.backbones import processor
from headstart.backbones.engines import choice, machine, onnx, openvino, torch
from headstart.backbones.engines.machine import engine_names, native_engine_names, this_machine


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch):
    """Simulate what is installed, what OpenVINO finds in the processor and what PyTorch finds there."""

    def simulate(installed: set[str], for_openvino: str, for_torch: dict[str, object], **devices: bool) -> None:
        found = {name: ModuleSpec(name, None) for name in installed}
        monkeypatch.setattr(importlib.util, "find_spec", found.get)
        monkeypatch.setattr(openvino, "capabilities", lambda: frozenset(for_openvino.split()))
        monkeypatch.setattr(processor, "processor_capabilities", lambda: for_torch)
        monkeypatch.delenv(processor.LIMIT, raising=False)
        monkeypatch.setattr(pytorch.cuda, "is_available", lambda: devices.get("cuda", False))
        monkeypatch.setattr(pytorch.cuda, "is_bf16_supported", lambda: devices.get("cuda_bf16", False))
        monkeypatch.setattr(pytorch.backends.mps, "is_available", lambda: devices.get("mps", False))
        monkeypatch.setattr(pytorch.backends.mkldnn, "is_available", lambda: devices.get("mkldnn", True))

    return simulate


ALL = {"openvino", "nncf", "onnxruntime", "onnx"}


@pytest.mark.parametrize(
    ("installed", "for_openvino", "for_torch", "expected"),
    [
        # AVX-512 with VNNI, no bf16 (Cascade Lake), and AVX2 alone: emulated bf16 is not tried
        ({"openvino"}, "FP32 INT8 WINOGRAD", {"avx512_vnni": True}, ["openvino-float32", "torch-float32"]),
        (ALL, "FP32 INT8", {"avx2": True}, ["openvino-float32", "torch-float32"]),
        # Zen 4 and Sapphire Rapids
        (
            {"openvino"},
            "BF16 FP32 INT8",
            {"avx512_bf16": True},
            ["openvino-bf16", "openvino-float32", "torch-bf16", "torch-float32"],
        ),
        (
            {"openvino"},
            "BF16 FP16 FP32 INT8",
            {"amx_tile": True},
            ["openvino-fp16", "openvino-bf16", "openvino-float32", "torch-bf16", "torch-float32"],
        ),
        # ARM: fp16 in OpenVINO, bf16 in PyTorch where the processor has it
        ({"openvino"}, "FP32 FP16", {"neon": True}, ["openvino-fp16", "openvino-float32", "torch-float32"]),
        (
            {"openvino"},
            "FP32 FP16",
            {"neon": True, "bf16": True},
            ["openvino-fp16", "openvino-float32", "torch-bf16", "torch-float32"],
        ),
        # no OpenVINO
        (set(), "", {"avx2": True}, ["torch-float32"]),
        ({"onnxruntime", "onnx"}, "", {}, ["onnx-float32", "torch-float32"]),
    ],
)
def test_native_arithmetic(hardware, installed, for_openvino, for_torch, expected) -> None:
    hardware(installed, for_openvino, for_torch)
    assert native_engine_names() == expected
    assert set(expected) <= set(engine_names())


def test_emulated_arithmetic_can_be_named(hardware) -> None:
    hardware({"openvino"}, "FP32", {})
    assert engine_names() == ["openvino-bf16", "openvino-float32", "torch-bf16", "torch-float32"]


def test_bf16_without_kernels_is_not_native(hardware) -> None:
    hardware(set(), "", {"bf16": True}, mkldnn=False)  # macOS on ARM
    assert native_engine_names() == ["torch-float32"]


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ({"cuda": True, "cuda_bf16": True}, ["torch-cuda-bf16-compiled", "torch-cuda-bf16", "torch-cuda-float32"]),
        ({"cuda": True}, ["torch-cuda-fp16-compiled", "torch-cuda-fp16", "torch-cuda-float32"]),
        ({"mps": True}, ["torch-mps-fp16", "torch-mps-float32"]),
    ],
)
def test_gpus_of_nvidia_and_apple(hardware, devices, expected) -> None:
    hardware(set(), "", {}, **devices)
    assert native_engine_names() == [*expected, "torch-float32"]


def test_int8_computes_the_rest_in_native_arithmetic(hardware) -> None:
    hardware(ALL, "FP32 INT8", {})
    assert openvino._settings("int8")["INFERENCE_PRECISION_HINT"] == "f32"
    hardware(ALL, "FP32 INT8 BF16", {})
    assert openvino._settings("int8")["INFERENCE_PRECISION_HINT"] == "bf16"


def test_remedies(hardware) -> None:
    hardware({"openvino"}, "FP32", {})
    assert openvino.OpenVino().remedy("int8") == 'Install nncf with `pip install "headstart[int8]"`.'
    assert openvino.OpenVino().remedy("fp16") == "The processor lacks this arithmetic."
    assert torch.Torch().remedy("cuda-float32") == "It needs a GPU."
    assert onnx.Onnx().remedy("float32") == 'Install ONNX Runtime with `pip install "headstart[onnx]"`.'
    assert onnx.Onnx().remedy("bf16") == "There is onnx-float32."


def test_the_machine_changes_with_what_speed_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    before = this_machine()
    assert before == this_machine()
    assert before.processor
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert this_machine().limit == "AVX2"
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    monkeypatch.setattr(machine, "_version", lambda package: "9.9")
    assert this_machine().content_fingerprint() != before.content_fingerprint()
    monkeypatch.undo()
    monkeypatch.setattr(onnx.Onnx, "package", None)
    assert "onnxruntime" not in this_machine().versions


def test_the_version_of_every_runtime_is_part_of_the_machine() -> None:
    assert set(this_machine().versions) == {"onnxruntime", "openvino", "torch"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("torch-float32", False), ("torch-cuda-bf16-compiled", True), ("openvino-bf16", True), ("onnx-float32", True)],
)
def test_engines_that_are_slow_to_make_stay_in_memory(name: str, expected: bool) -> None:
    assert choice._is_worth_keeping(name) == expected


def test_only_installed_libraries_have_a_version() -> None:
    found = this_machine().model_copy(update={"versions": {"onnxruntime": "none", "openvino": "2026.4.1", "torch": "2.13"}})
    assert found.installed == {"openvino": "2026.4.1", "torch": "2.13"}
