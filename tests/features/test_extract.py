"""Extraction computes each picture's features once, keeps what is done, and gives the same numbers every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from headstart.backbones.backbone import Backbone
from headstart.backbones.engines.base import Engine
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.data.images import ArrayImages, Embeddings, ImageSet
from headstart.features import extract
from headstart.features.extract import features_of, num_missing


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("timm/test_resnet", weights="none", input_pixels=32)


def _set(rows: int = 41, seed: int = 0, side: int = 13, channels: int = 3, sealed: bool = False) -> ImageSet:
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, side, side, channels), dtype=np.uint8)
    images = ArrayImages(pixels, "noise", np.arange(rows))
    return ImageSet(images, ("a", "b"), np.zeros(rows, np.int64), np.arange(rows), sealed=sealed)


def _direct(images: ImageSet, backbone: Backbone) -> list[np.ndarray]:
    pixels = backbone.transform.apply(images.images, np.arange(len(images)))
    with torch.inference_mode():
        return [stage.numpy() for stage in backbone.describe(torch.from_numpy(pixels).permute(0, 3, 1, 2)).stages]


class _Recut(Engine):
    """Another engine with batches of another size, stopped after some of them."""

    def __init__(self, engine: Engine, batch_rows: int, num_batches: int = 1_000) -> None:
        self.engine, self.batch_rows, self.num_batches = engine, batch_rows, num_batches

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
        for index, outputs in enumerate(self.engine.run(batches)):
            if index == self.num_batches:
                raise KeyboardInterrupt
            yield outputs


def _recut(monkeypatch: pytest.MonkeyPatch, batch_rows: int, num_batches: int = 1_000) -> None:
    engine_of = extract.engine_of
    monkeypatch.setattr(extract, "engine_of", lambda *order: _Recut(engine_of(*order), batch_rows, num_batches))


def test_stages_are_what_the_backbone_shows(backbone: Backbone) -> None:
    images = _set()
    features = features_of(images, backbone)
    assert features.stage_names == backbone.stage_names
    for stage, expected in zip(features.stages, _direct(images, backbone), strict=True):
        assert stage.dtype == np.float32
        np.testing.assert_allclose(stage, expected, rtol=6e-4, atol=1e-5)  # kept in half precision


def test_pixel_block_is_the_picture_reduced(backbone: Backbone) -> None:
    images = _set(3)
    features = features_of(images, backbone)
    inputs = backbone.transform.apply(images.images, np.arange(3))
    expected = [np.asarray(Image.fromarray(picture).resize((18, 18), 3), np.float32).reshape(-1) / 255 for picture in inputs]
    np.testing.assert_allclose(features.pixels, np.stack(expected), atol=1.5 / 255)


def test_gray_and_color_pictures_give_pixel_blocks_of_one_width(backbone: Backbone) -> None:
    gray = features_of(_set(2, channels=1), backbone).pixels
    assert gray is not None
    assert gray.shape == (2, 972)
    np.testing.assert_array_equal(gray.reshape(2, 324, 3)[..., 0], gray.reshape(2, 324, 3)[..., 2])


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    squares = ArrayImages.squares

    def counting(self: ArrayImages, rows: np.ndarray, pixels: int) -> object:
        seen.extend(self.rows[rows].tolist())
        return squares(self, rows, pixels)

    monkeypatch.setattr(ArrayImages, "squares", counting)
    return seen


def test_known_pictures_are_not_read_again_in_any_set(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    images = _set()
    whole = features_of(images, backbone)
    seen = _counted(monkeypatch)
    rows = np.array([40, 3, 3, 17])
    part = features_of(images.take(rows), backbone)
    assert seen == []
    for stage, first in zip(part.stages, whole.stages, strict=True):
        np.testing.assert_array_equal(stage, first[rows])


def test_equal_pictures_within_a_set_are_read_once(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _counted(monkeypatch)
    features = features_of(_set(5).take([0, 1, 0, 4, 0]), backbone)
    assert sorted(seen) == [0, 1, 4]
    np.testing.assert_array_equal(features.penultimate[0], features.penultimate[4])


def test_interruption_loses_at_most_the_chunk_in_hand(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "CHUNK_ROWS", 7)
    images = _set(23)
    with monkeypatch.context() as patch:
        _recut(patch, 7, num_batches=2)
        with pytest.raises(KeyboardInterrupt):
            features_of(images, backbone)
    assert num_missing(images, backbone) == 9


def test_features_do_not_depend_on_the_batch(backbone: Backbone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = _set(11)
    whole = features_of(images, backbone)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "other"))
    _recut(monkeypatch, 3)
    for first, second in zip(whole.stages, features_of(images, backbone).stages, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5)  # kept in half precision


def test_same_work_in_a_fresh_cache_is_bit_identical(backbone: Backbone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = features_of(_set(11), backbone)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "other"))
    for one, two in zip(first.stages, features_of(_set(11), backbone).stages, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_other_weights_and_other_sides_have_stores_of_their_own(backbone: Backbone) -> None:
    images = _set(2)
    first = features_of(images, backbone).penultimate
    other = features_of(images, load_backbone("timm/test_resnet", weights="none", input_pixels=32, seed=1)).penultimate
    larger = features_of(images, load_backbone("timm/test_resnet", weights="none", input_pixels=64)).penultimate
    assert not np.allclose(first, other)
    assert not np.allclose(first, larger)


def test_extraction_leaves_the_backbone_as_it_was(backbone: Backbone) -> None:
    backbone.train()
    features_of(_set(3), backbone)
    assert backbone.training
    assert next(backbone.parameters()).requires_grad


def test_source_logits_are_kept_where_they_mean_something(backbone: Backbone) -> None:
    assert features_of(_set(2), backbone).source_logits is None
    named = Backbone(backbone.card, backbone.module, backbone.transform, "pretrained").eval()
    logits = features_of(_set(2), named).source_logits
    assert logits is not None
    assert logits.shape == (2, 1000)


def test_labels_of_a_sealed_set_are_not_read(backbone: Backbone) -> None:
    assert len(features_of(_set(3, sealed=True), backbone)) == 3


def _vectors() -> ImageSet:
    vectors = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    return ImageSet(Embeddings(vectors, "given", np.arange(5)), ("a", "b"), np.zeros(5, np.int64), np.arange(5))


def test_a_network_is_given_no_vectors_and_vectors_no_pictures(backbone: Backbone) -> None:
    with pytest.raises(DataError) as caught:
        features_of(_vectors(), backbone)
    assert str(caught.value) == (
        f"given[0] and the rest are feature vectors, and {backbone.card.name} takes pictures. Give it those."
    )
    with pytest.raises(DataError, match=r"and the rest are pictures, and embeddings takes feature vectors\."):
        features_of(_set(3), load_backbone("embeddings"))


def test_feature_vectors_come_back_as_the_only_stage() -> None:
    vectors = _vectors().images.vectors()
    features = features_of(_vectors(), load_backbone("embeddings"))
    np.testing.assert_array_equal(features.penultimate, vectors)
    assert (len(features.stages), features.pixels, features.source_logits) == (1, None, None)


def test_empty_set_gives_no_rows(backbone: Backbone) -> None:
    assert len(features_of(_set(3).take([]), backbone)) == 0


def test_unreadable_picture_is_named_and_what_was_done_is_kept(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "CHUNK_ROWS", 5)
    images = _set(13)
    squares = ArrayImages.squares

    def failing(self: ArrayImages, rows: np.ndarray, pixels: int) -> object:
        if len(rows) < 12 and 12 in self.rows[rows]:
            raise DataError("noise[12] cannot be read.")
        return squares(self, rows, pixels)

    with monkeypatch.context() as patch:
        _recut(patch, 5)
        patch.setattr(ArrayImages, "squares", failing)
        with pytest.raises(DataError, match=r"^noise\[12\] cannot be read\.$"):
            features_of(images, backbone)
    assert num_missing(images, backbone) == 3


def test_pictures_looked_at_before_are_not_counted(backbone: Backbone) -> None:
    images = _set(23)
    assert num_missing(images, backbone) == 23
    features_of(images.take(np.arange(7)), backbone)
    assert num_missing(images, backbone) == 16
    vectors = ImageSet(
        Embeddings(np.ones((3, 2), np.float32), "given", np.arange(3)), ("a", "b"), np.zeros(3, np.int64), np.arange(3)
    )
    assert num_missing(vectors, backbone) == 0


@pytest.mark.parametrize("batch_rows", [7, 16, 40])
def test_a_batch_is_read_in_parts_that_all_threads_share(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    read: list[int] = []
    squares, images = ArrayImages.squares, _set(83)

    def counted(self: ArrayImages, rows: np.ndarray, pixels: int) -> np.ndarray:
        read.append(len(rows))
        return squares(self, rows, pixels)

    with monkeypatch.context() as patch:
        _recut(patch, batch_rows)
        patch.setattr(ArrayImages, "squares", counted)
        features = features_of(images, backbone)
    assert sorted(set(read)) == {7: [6, 7], 16: [3, 16], 40: [3, 8, 16]}[batch_rows]
    np.testing.assert_allclose(
        features.penultimate, _direct(images, backbone)[-1], rtol=6e-4, atol=1e-5
    )  # kept in half precision
