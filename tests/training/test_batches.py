from __future__ import annotations

import numpy as np
import torch

from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.data.transforms import Transform
from headstart.data.views import View
from headstart.training.batches import Batches

CPU = torch.device("cpu")
AS_THEY_ARE = Transform(pixels=8)


def test_a_batch_holds_its_rows_pictures_and_labels(pictures: ImageSet) -> None:
    batch = Batches("train", Stream(pictures, View()), AS_THEY_ARE, 6, seed=0).at(4, CPU)
    rows = batch.rows.numpy()
    assert np.array_equal(batch.labels.numpy(), pictures.labels[rows])
    expected = pictures.images.pixels[rows].repeat(3, axis=3).transpose(0, 3, 1, 2) / np.float32(255)  # type: ignore[attr-defined]
    assert np.array_equal(batch.images.numpy(), expected)


def test_color_batches_lie_channels_last(pictures: ImageSet) -> None:
    batch = Batches("train", Stream(pictures, View()), Transform(pixels=5), 6, seed=0).at(0, CPU)
    assert batch.images.shape == (6, 3, 5, 5)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
