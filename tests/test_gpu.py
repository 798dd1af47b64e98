"""On a GPU everything gives what it gives on the CPU, within what half precision loses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones.engines.choice import LARGEST_ERROR, REFERENCE, engine_named, engine_names
from headstart.backbones.engines.trial import feature_error
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.data.augmentation.views import View
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.streams import Stream
from headstart.data.transforms import Transform
from headstart.training.batches import Batches
from headstart.training.settings import Training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
CUDA = [name for name in engine_names() if "cuda" in name] or ["none"]


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))


def _pictures(rows: int = 37) -> np.ndarray:
    smooth = np.random.default_rng(5).integers(0, 256, (rows, 4, 4, 3), dtype=np.uint8)
    return np.repeat(np.repeat(smooth, 24, axis=1), 24, axis=2)


@pytest.mark.parametrize("name", CUDA)
def test_features_of_a_gpu_are_those_of_the_cpu(name: str) -> None:
    program, pictures = Describe(load_backbone("efficientnet_lite0", input_pixels=96)), _pictures()
    given, exact = (next(engine_named(one, program, lambda _: pictures).run([pictures])) for one in (name, REFERENCE))
    assert feature_error(given, exact) < (1e-3 if name.endswith("float32") else LARGEST_ERROR)


def test_pictures_on_the_gpu_are_those_in_memory() -> None:
    images = ImageSet(ArrayImages(_pictures(), "noise", np.arange(37)), ("a", "b"), np.arange(37) % 2, np.arange(37))
    batches = [Batches("train", Stream(images, View()), Transform(pixels=96), Training(batch_size=5)) for _ in range(2)]
    for step in range(9):
        on_cpu, on_gpu = (one.at(step, torch.device(kind)) for one, kind in zip(batches, ("cpu", "cuda"), strict=True))
        torch.testing.assert_close(on_gpu.images.cpu(), on_cpu.images)
        torch.testing.assert_close(on_gpu.labels.cpu(), on_cpu.labels)
