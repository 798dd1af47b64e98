from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.backbones.boundary import Boundary
from headstart.data.augmentation.views import View, view_of
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.data.transforms import Transform
from headstart.training import batches
from headstart.training.batches import Batches
from headstart.training.settings import Training

CPU = torch.device("cpu")
AS_THEY_ARE = Transform(pixels=8)


def test_a_batch_holds_its_rows_pictures_and_labels(pictures: ImageSet) -> None:
    batch = Batches("train", Stream(pictures, View()), AS_THEY_ARE, Training(batch_size=6)).at(4, CPU)
    rows = batch.rows.numpy()
    assert np.array_equal(batch.labels.numpy(), pictures.labels[rows])
    expected = pictures.images.pixels[rows].repeat(3, axis=3).transpose(0, 3, 1, 2) / np.float32(255)  # type: ignore[attr-defined]
    assert np.array_equal(batch.images.numpy(), expected)


def test_color_batches_lie_channels_last(pictures: ImageSet) -> None:
    batch = Batches("train", Stream(pictures, View()), Transform(pixels=5), Training(batch_size=6)).at(0, CPU)
    assert batch.images.shape == (6, 3, 5, 5)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_targets_are_smoothed_labels(pictures: ImageSet) -> None:
    batch = Batches("train", Stream(pictures, View()), AS_THEY_ARE, Training(batch_size=6, label_smoothing=0.3)).at(2, CPU)
    expected = torch.full((6, 3), 0.1)
    expected[torch.arange(6), batch.labels] += 0.7
    torch.testing.assert_close(batch.targets, expected)


def test_rows_without_a_label_have_targets_of_zeros(pictures: ImageSet) -> None:
    unknown = replace(pictures, hidden_labels=np.full(31, -1))
    settings = Training(batch_size=5, balance="weights", mix="mixup")
    batch = Batches("unlabeled", Stream(unknown, View()), AS_THEY_ARE, settings).at(0, CPU)
    assert torch.equal(batch.targets, torch.zeros(5, 3))
    assert torch.equal(batch.labels, torch.full((5,), -1))


def test_weights_make_classes_count_alike_and_rows_once_on_average(pictures: ImageSet) -> None:
    settings = Training(batch_size=31, balance="weights", label_smoothing=0.0)
    targets = Batches("train", Stream(pictures, View()), AS_THEY_ARE, settings).at(0, CPU).targets
    torch.testing.assert_close(targets.sum(dim=0), torch.full((3,), 31 / 3))


def test_balanced_sampling_shows_classes_equally_often(pictures: ImageSet) -> None:
    batches = Batches("train", Stream(pictures, View()), AS_THEY_ARE, Training(batch_size=31, balance="sampling"))
    shown = torch.stack([batches.at(step, CPU).labels.bincount() for step in range(9)])
    assert shown.min() >= 10
    assert shown.max() <= 11
    assert all(len(batches.at(step, CPU).rows.unique()) >= 27 for step in range(9))


def test_mixing_is_told_how_the_axes_are_meant(pictures: ImageSet, boundary: Boundary, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def watched(images: torch.Tensor, targets: torch.Tensor, how: str, draw: object, layout: str) -> tuple[torch.Tensor, ...]:
        told.append(layout)
        return images, targets

    monkeypatch.setattr(batches, "mixed", watched)
    monkeypatch.setattr(boundary, "layout", "channels last")
    for cut in (None, boundary):
        Batches("train", Stream(pictures, View()), AS_THEY_ARE, Training(batch_size=6, mix="cutmix"), boundary=cut).at(0, CPU)
    assert told == ["channels first", "channels last"]


def test_mixing_blends_pictures_and_targets_of_labeled_streams(pictures: ImageSet) -> None:
    settings = Training(batch_size=31, mix="mixup", label_smoothing=0.0)
    batches = Batches("train", Stream(pictures, View()), AS_THEY_ARE, settings)
    batch = batches.at(1, CPU)
    assert 0 < batch.targets.max(dim=1).values.min() < 1
    again = batches.at(1, CPU)
    assert torch.equal(batch.images, again.images)


def test_further_views_show_the_same_rows_drawn_apart(pictures: ImageSet) -> None:
    stream = Stream(pictures, View(), also=(View(), view_of("weak", 8), view_of("weak", 8)), times=3)
    batch = Batches("train", stream, AS_THEY_ARE, Training(batch_size=5)).at(0, CPU)
    assert len(batch.rows) == 15
    assert torch.equal(batch.also[0], batch.images)
    assert not torch.equal(batch.also[1], batch.also[2])


@pytest.mark.slow
def test_activations_have_further_views_too(boundary: Boundary, pictures: ImageSet) -> None:
    stream = Stream(pictures, View(), also=(View(), view_of("weak", 8)))
    batch = Batches("train", stream, boundary.backbone.transform, Training(batch_size=5), None, boundary).at(0, CPU)
    assert torch.equal(batch.also[0], batch.images)
    assert batch.also[1].shape == batch.images.shape
    assert not torch.equal(batch.also[1], batch.images)


@pytest.mark.parametrize(("share", "side"), [(0.5, 4), (0.625, 5)])
def test_a_shrunk_batch_has_smaller_pictures_in_every_view(pictures: ImageSet, share: float, side: int) -> None:
    stream = Stream(pictures, View(), also=(View(),))
    batch = Batches("train", stream, AS_THEY_ARE, Training(batch_size=5)).at(0, CPU)
    small = batch.shrunk(share)
    assert small.images.shape == small.also[0].shape == (5, 3, side, side)
    torch.testing.assert_close(small.images.mean(), batch.images.mean(), rtol=0.05, atol=0)


def test_margins_come_with_their_rows(pictures: ImageSet) -> None:
    margins = np.random.default_rng(0).normal(size=(31, 3))
    batch = Batches("train", Stream(pictures, View(), margins=margins), AS_THEY_ARE, Training(batch_size=6)).at(3, CPU)
    np.testing.assert_allclose(batch.margins, margins[batch.rows.numpy()], rtol=1e-6)
    assert batch.targets.shape == (6, 3)
    assert Batches("train", Stream(pictures, View()), AS_THEY_ARE, Training(batch_size=6)).at(3, CPU).margins is None


def test_margins_are_mixed_as_targets_are(pictures: ImageSet) -> None:
    targets = np.full((31, 3), 0.3 / 3) + 0.7 * np.eye(3)[pictures.labels]
    settings = Training(batch_size=7, mix="mixup", label_smoothing=0.3)
    batch = Batches("train", Stream(pictures, View(), margins=targets), AS_THEY_ARE, settings).at(1, CPU)
    torch.testing.assert_close(batch.margins, batch.targets)
    assert ((batch.targets > 0.11) & (batch.targets < 0.79)).any()


@pytest.mark.parametrize(("passes", "views"), [(None, 8), (0, 1), (2, 2), (12, 8)])
def test_no_more_views_are_computed_than_are_shown(
    boundary: Boundary, pictures: ImageSet, passes: int | None, views: int
) -> None:
    stream = Stream(pictures, view_of("weak", 8))
    made = Batches("train", stream, boundary.backbone.transform, Training(batch_size=7), None, boundary, passes)
    assert made.activations[0].num_views == views
