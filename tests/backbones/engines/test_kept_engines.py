"""Graphs that are kept start an engine without PyTorch, with equal outputs; damaged and foreign ones are made again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from headstart.backbones.backbone import Backbone
from headstart.backbones.engines import choice, graphs, openvino
from headstart.backbones.engines.base import Engine
from headstart.backbones.engines.choice import engine_named, engine_names
from headstart.backbones.engines.graphs import graphs_folder, keep_graph, read_graph
from headstart.backbones.engines.kept_engines import kept_engine
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.core.errors import PretrainedError
from headstart.features.store.contents import cache_contents, clear_cache, shrink_cache

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("openvino-float32" not in engine_names(), reason="openvino is not installed"),
]
NAMES = [name for name in ("openvino-float32", "openvino-bf16") if name in engine_names()]
PICTURES = np.random.default_rng(3).integers(0, 256, (11, 32, 32, 3), np.uint8)


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEADSTART_ENGINE")


def _network(seed: int = 0) -> Backbone:
    return load_backbone("timm/test_efficientnet", weights="none", input_pixels=32, seed=seed)


def _made(name: str = "openvino-float32", seed: int = 0) -> tuple[Describe, Engine]:
    choice._LAST_USED.clear()
    program = Describe(_network(seed))
    return program, engine_named(name, program, lambda count: PICTURES[:count])


def _outputs(engine: Engine | None) -> list[np.ndarray]:
    assert engine is not None
    return [np.concatenate(parts) for parts in zip(*engine.run([PICTURES[:8], PICTURES[8:]]), strict=True)]


def _equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def _file() -> Path:
    (path,) = graphs_folder().glob("*/*.graph")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_engine_gives_what_the_fresh_one_gives(name: str) -> None:
    program, fresh = _made(name)
    assert _equal(_outputs(kept_engine(name, program.content_key)), _outputs(fresh))


def test_a_second_process_starts_an_engine_without_pytorch(tmp_path: Path) -> None:
    program, fresh = _made()
    np.save(tmp_path / "pictures.npy", PICTURES)
    np.save(tmp_path / "expected.npy", _outputs(fresh)[0])
    code = f"""
import sys
import numpy as np
from headstart.backbones.engines.base import ProgramKey
from headstart.backbones.engines.kept_engines import kept_engine
engine = kept_engine("openvino-float32", ProgramKey{tuple(program.content_key)!r})
pictures = np.load({str(tmp_path / "pictures.npy")!r})
found = np.concatenate([outputs[0] for outputs in engine.run([pictures[:8], pictures[8:]])])
assert np.array_equal(found, np.load({str(tmp_path / "expected.npy")!r}))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_only_what_was_made_is_kept() -> None:
    program, _ = _made()
    key = program.content_key
    assert kept_engine("openvino-bf16", key) is None
    assert kept_engine("openvino-float32", key._replace(program="another part")) is None
    assert kept_engine("openvino-float32", Describe(_network(seed=1)).content_key) is None
    assert kept_engine("torch-float32", key) is None
    assert kept_engine("absent-float32", key) is None


def test_a_damaged_graph_is_deleted_and_made_again(caplog: pytest.LogCaptureFixture) -> None:
    program, fresh = _made()
    expected, path = _outputs(fresh), _file()
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2], b"", whole[:5000] + b"?" + whole[5001:], b"\xff" * 100):
        path.write_bytes(damaged)
        assert kept_engine("openvino-float32", program.content_key) is None
        assert not path.exists()
    assert caplog.messages[-1] == f"{path} is damaged (its SHA-256 is not that of its content) and is made again."
    assert _equal(_outputs(_made()[1]), expected)
    assert path.exists()


def test_a_graph_that_openvino_refuses_is_made_again(caplog: pytest.LogCaptureFixture) -> None:
    program, fresh = _made()
    keep_graph(program.content_key, openvino._made_with("float32"), b"no network")
    assert kept_engine("openvino-float32", program.content_key) is None
    assert caplog.messages[-1].startswith(f"{_path_of(program)} cannot be used (")
    assert _equal(_outputs(_made()[1]), _outputs(fresh))


def _path_of(program: Describe) -> Path:
    return graphs._path(program.content_key, openvino._made_with("float32"))


def test_a_graph_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    program, _ = _made()
    monkeypatch.setattr(openvino, "version", lambda package: "2031.0")
    assert kept_engine("openvino-float32", program.content_key) is None


def test_a_cache_that_cannot_be_written_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    program, fresh = _made()
    assert len(_outputs(fresh)[0]) == len(PICTURES)
    assert caplog.messages[0].startswith("The compiled network is not kept: ")
    assert read_graph(program.content_key, openvino._made_with("float32")) is None


def test_graphs_are_listed_evicted_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    _made()
    (entry,) = [entry for entry in cache_contents() if entry.kind == "graphs"]
    assert (entry.name, entry.num_rows, entry.size_bytes) == ("compiled networks", 1, _file().stat().st_size)
    assert shrink_cache(0) == 0  # in use
    assert clear_cache() == entry.size_bytes
    assert not graphs_folder().exists()


def test_the_int8_graph_that_goes_with_a_model_is_used_without_the_network() -> None:
    if "openvino-int8" not in engine_names():
        pytest.skip("nncf is not installed")
    program, fresh = _made("openvino-int8")
    assert _equal(_outputs(kept_engine("openvino-int8", program.content_key)), _outputs(fresh))


def test_a_network_that_openvino_refuses_to_compile_is_named_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def get_property(self, device: str, name: str) -> object:
            return core.get_property(device, name)

        def compile_model(self, *arguments: object) -> None:
            raise RuntimeError("Exception from cpu plugin:\nNo such primitive")

    core = openvino._core()
    monkeypatch.setattr(openvino, "_core", Refusing)
    with pytest.raises(PretrainedError) as caught:
        _made()
    assert str(caught.value) == "OpenVINO cannot run this network (No such primitive). Use another engine."
