"""The GPU engine: two batches on their way, nothing read before it is there; on a GPU, the features of the CPU, and faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headstart.backbones.engines.base import overlapped
from headstart.backbones.engines.choice import LARGEST_ERROR, REFERENCE, engine_named, engine_names
from headstart.backbones.engines.torch import _CudaEngine
from headstart.backbones.engines.trial import feature_error
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe

CUDA = [name for name in engine_names() if "cuda" in name] or ["none"]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def test_up_to_so_many_items_are_begun_before_the_first_is_finished() -> None:
    log: list[str] = []

    def begin(item: int) -> int:
        log.append(f"begin {item}")
        return 10 * item

    def finish(begun: int) -> int:
        log.append(f"finish {begun // 10}")
        return begun + 1

    assert list(overlapped(begin, finish, iter(range(3)), 2)) == [1, 11, 21]
    assert log == ["begin 0", "begin 1", "finish 0", "begin 2", "finish 1", "finish 2"]
    assert list(overlapped(begin, finish, [], 2)) == []
    assert list(overlapped(begin, finish, [7], 5)) == [71]


class _Gpu:
    """A simulated GPU: what is copied back from it is there once its event was waited for, and not before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.pending: list[Callable[[], object]] = []
        gpu = self

        class Stream:
            def wait_stream(self, other: object) -> None:
                gpu.log.append("wait for the copy")

        class Event:
            def record(self, stream: object) -> None:
                self.before, gpu.pending = gpu.pending, []

            def synchronize(self) -> None:
                gpu.log.append("synchronize")
                with torch.inference_mode():
                    for copy in self.before:
                        copy()

        computing = Stream()
        empty, to = torch.empty, torch.Tensor.to
        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: computing)
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: gpu.pinned(tensor).contiguous())
        monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: self.log.append("keep"))
        monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *to_what, **how: tensor if how else to(tensor, *to_what))
        monkeypatch.setattr(torch, "empty", lambda shape, pin_memory: _PageLocked(self, empty(shape).fill_(torch.nan)))

    def pinned(self, tensor: torch.Tensor) -> torch.Tensor:
        self.log.append(f"copy {len(tensor)}")
        return tensor

    def network(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.log.append("compute")
        return images.double().mean(dim=(1, 2)), images.double().amax(dim=(1, 2, 3))[:, None]


class _PageLocked:
    def __init__(self, gpu: _Gpu, memory: torch.Tensor) -> None:
        self.gpu, self.memory = gpu, memory

    def copy_(self, output: torch.Tensor, non_blocking: bool) -> _PageLocked:
        assert non_blocking
        self.gpu.pending.append(lambda: self.memory.copy_(output))
        return self

    def numpy(self) -> np.ndarray:
        return self.memory.numpy()


@pytest.mark.parametrize("whole_batches", [False, True])
def test_a_batch_is_computed_while_the_one_before_is_awaited(monkeypatch: pytest.MonkeyPatch, whole_batches: bool) -> None:
    monkeypatch.setattr(_CudaEngine, "batch_rows", 4)
    gpu = _Gpu(monkeypatch)
    pictures = np.random.default_rng(0).integers(0, 256, (11, 5, 5, 3), dtype=np.uint8)
    engine: Any = _CudaEngine(gpu.network, None, whole_batches)
    found = list(engine.run(pictures[start : start + 4] for start in range(0, 11, 4)))
    last = 4 if whole_batches else 3
    begin = ["wait for the copy", "keep", "compute"]
    assert gpu.log == [
        *("copy 4", *begin), *("copy 4", *begin), "synchronize", *(f"copy {last}", *begin), "synchronize", "synchronize"
    ]  # fmt: skip
    assert [len(rows) for rows, _ in found] == [4, 4, 3]
    assert {output.dtype for outputs in found for output in outputs} == {np.dtype(np.float32)}
    means, highest = (np.concatenate(part) for part in zip(*found, strict=True))
    np.testing.assert_allclose(means, pictures.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(highest[:, 0], pictures.max(axis=(1, 2, 3)))


@pytest.fixture
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))


def _pictures(rows: int) -> np.ndarray:
    smooth = np.random.default_rng(5).integers(0, 256, (rows, 4, 4, 3), dtype=np.uint8)
    return np.repeat(np.repeat(smooth, 24, axis=1), 24, axis=2)


def _batches(pictures: np.ndarray, num_rows: int) -> Iterator[np.ndarray]:
    return (pictures[start : start + num_rows] for start in range(0, len(pictures), num_rows))


@needs_gpu
@pytest.mark.usefixtures("_fresh_cache")
@pytest.mark.parametrize("name", CUDA)
def test_a_gpu_gives_the_features_of_the_cpu_and_is_faster(name: str) -> None:
    program, pictures = Describe(load_backbone("efficientnet_lite0", input_pixels=96)), _pictures(600)
    outputs, seconds = {}, {}
    for engine_name in (name, REFERENCE):
        engine = engine_named(engine_name, program, lambda count: pictures[:count])
        list(engine.run(_batches(pictures[: engine.batch_rows], engine.batch_rows)))
        begun = time.perf_counter()
        parts = list(engine.run(_batches(pictures, engine.batch_rows)))
        seconds[engine_name] = time.perf_counter() - begun
        outputs[engine_name] = tuple(np.concatenate(part) for part in zip(*parts, strict=True))
    assert len(outputs[name][0]) == 600
    error = feature_error(outputs[name], outputs[REFERENCE])
    assert error < (1e-3 if name.endswith("float32") else LARGEST_ERROR)
    assert seconds[name] < seconds[REFERENCE]
