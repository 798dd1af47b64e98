from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.data.transforms import Transform
from headstart.data.views import View
from headstart.training import batches as batches_module
from headstart.training.batches import Batches, decoded

CPU = torch.device("cpu")
AS_THEY_ARE = Transform(pixels=8, channels=1)


def test_a_batch_holds_its_rows_pictures_and_labels(pictures: ImageSet) -> None:
    batch = Batches("train", Stream(pictures, View()), AS_THEY_ARE, 6, seed=0).at(4, CPU)
    rows = batch.rows.numpy()
    assert np.array_equal(batch.labels.numpy(), pictures.labels[rows])
    expected = pictures.images.pixels[rows].transpose(0, 3, 1, 2) / np.float32(255)  # type: ignore[attr-defined]
    assert np.array_equal(batch.images.numpy(), expected)


def test_color_batches_lie_channels_last(pictures: ImageSet) -> None:
    batch = Batches("train", Stream(pictures, View()), Transform(pixels=5), 6, seed=0).at(0, CPU)
    assert batch.images.shape == (6, 3, 5, 5)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_large_sets_are_kept_on_disk_and_read_once(pictures: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = decoded(pictures, AS_THEY_ARE)
    monkeypatch.setattr(batches_module, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(batches_module, "CHUNK_ROWS", 4)
    on_disk = decoded(pictures, AS_THEY_ARE, tmp_path)
    assert isinstance(on_disk, np.memmap)
    assert np.array_equal(on_disk, in_memory)
    assert np.array_equal(decoded(pictures, AS_THEY_ARE), in_memory)
    monkeypatch.setattr(Transform, "decode", None)
    assert np.array_equal(decoded(pictures, AS_THEY_ARE, tmp_path), in_memory)
