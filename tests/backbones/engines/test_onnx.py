"""What ONNX Runtime refuses is a fault of the engine, not of the command; the library is simulated."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from headstart.backbones.engines import onnx
from headstart.backbones.engines.base import ProgramKey
from headstart.backbones.engines.graphs import graphs_folder, keep_graph
from headstart.backbones.engines.onnx import Onnx
from headstart.backbones.engines.trial import Trial
from headstart.core.cores import num_cores

KEY = ProgramKey("weights", 32, "inputs", "describe")
PROGRAM = SimpleNamespace(content_key=KEY)
PICTURES = np.zeros((5, 32, 32, 3), np.uint8)
REFUSED = "ONNX Runtime cannot run this network (NOT_IMPLEMENTED : no kernel for Gelu(20)). Use another engine."


class RefusalError(Exception):
    """As `onnxruntime` declares its errors: below `Exception` alone."""


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """An ONNX Runtime that refuses what contains "bad", and when it runs what contains "late"; options are noted."""
    noted = SimpleNamespace(threads=0)

    class Options:
        def add_session_config_entry(self, name: str, value: str) -> None:
            pass

    class Session:
        def __init__(self, content: bytes, options: Options, providers: list[str]) -> None:
            noted.threads, self.content = options.intra_op_num_threads, content
            if b"bad" in content:
                raise RefusalError("[ONNXRuntimeError]\nNOT_IMPLEMENTED : no kernel for Gelu(20).")

        def run(self, names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            if b"late" in self.content:
                raise RefusalError("NOT_IMPLEMENTED : no kernel for Gelu(20).")
            return [inputs["images"].mean(axis=(1, 2))]

    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(SessionOptions=Options, InferenceSession=Session))
    monkeypatch.setattr(onnx, "_is_installed", lambda package: True)
    monkeypatch.setattr(onnx, "version", lambda package: "1.2.3")
    return noted


def _exports(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(onnx, "_exported", lambda program: content)


@pytest.mark.parametrize("content", [b"bad", b"late"])
def test_a_refused_network_is_a_fault_in_the_trial(library, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    _exports(monkeypatch, content)
    trial = Trial(PICTURES)
    trial.add("onnx-float32", lambda: Onnx().engine(PROGRAM, "float32", lambda count: PICTURES[:count], Path()))
    assert trial.faults == {"onnx-float32": REFUSED}
    assert not trial.engines


def test_a_graph_that_is_refused_when_it_is_made_is_not_kept(library, monkeypatch: pytest.MonkeyPatch) -> None:
    _exports(monkeypatch, b"bad")
    with pytest.raises(onnx.PretrainedError):
        Onnx().engine(PROGRAM, "float32", lambda count: PICTURES[:count], Path())
    assert not list(graphs_folder().glob("*/*"))


def test_a_kept_graph_that_is_refused_is_made_again(library) -> None:
    keep_graph(KEY, onnx._made_with(), b"bad")
    assert Onnx().kept_engine(KEY, "float32") is None
    assert not list(graphs_folder().glob("*/*"))


def test_a_network_is_made_once_and_uses_the_cores_of_the_process(library, monkeypatch: pytest.MonkeyPatch) -> None:
    _exports(monkeypatch, b"good")
    Onnx().engine(PROGRAM, "float32", lambda count: PICTURES[:count], Path())
    _exports(monkeypatch, b"bad")
    (outputs,) = Onnx().engine(PROGRAM, "float32", lambda count: PICTURES[:count], Path()).run([PICTURES])
    assert outputs[0].dtype == np.float32
    assert library.threads == num_cores()
