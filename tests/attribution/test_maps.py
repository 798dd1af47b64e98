"""Maps: the decisive place has the highest value, gradients are those of the model, and what has no gradient is refused."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.attribution.class_scores import log_odds, maskable, probs_of
from headstart.attribution.gradients import gradients_at, stages_of
from headstart.attribution.maps import MAPS
from headstart.backbones.loading import load_backbone
from headstart.data.images import ArrayImages, ImageSet
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.methods.heads import LinearHead, NeighborHead, ridge_head
from headstart.methods.model import Model

BY_PREDICTIONS = ("occlusion", "rise")
BY_GRADIENT = ("grad_cam", "integrated_grad_cam")


def quadrants(count: int = 24, side: int = 64) -> ImageSet:
    """Noise with a bright square at the top left, or at the bottom right: two classes."""
    pixels = np.random.default_rng(1).integers(0, 90, (count, side, side, 3)).astype(np.uint8)
    labels = np.arange(count) % 2
    for row, label in enumerate(labels):
        pixels[row, 32 * label : 32 * label + 24, 32 * label : 32 * label + 24] += 160
    return ImageSet(ArrayImages(pixels, "quadrants", np.arange(count)), ("left", "right"), labels, np.arange(count))


@pytest.fixture(scope="module")
def fitted() -> tuple[Model, ImageSet]:
    """A ridge head on a random network."""
    images, network = quadrants(), load_backbone("timm/test_resnet", weights="none", input_pixels=64, seed=0)
    head, temperature = ridge_head(features_of(images, network), images.labels, 2, "stages")
    return Model(network, head, temperature, images.classes), images


def test_all_maps_are_found_by_their_files():
    assert sorted((*BY_PREDICTIONS, *BY_GRADIENT)) == MAPS.names()


@pytest.mark.parametrize("name", BY_PREDICTIONS)
def test_the_decisive_place_has_the_highest_value(name, corner_model, bright_corners):
    pictures, method = maskable(corner_model, bright_corners), MAPS.get(name)()
    assert method.unmet(corner_model) == ""
    maps = method.maps(corner_model, pictures, np.array([0, 0, 1]))
    assert maps.shape == (3, 7, 7)
    for one in (maps[0], maps[1], -maps[2]):  # the third is asked about the other class
        row, column = np.unravel_index(one.argmax(), one.shape)
        assert row <= 2
        assert column >= 4
        assert one[4:, :3].max() < 0.4 * one.max()


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_maps_of_the_same_pictures_are_the_same_and_the_network_stays_as_it_is(name, fitted):
    model, images = fitted
    method, labels = MAPS.get(name)(), images.labels
    before = model.backbone.network.training, probs_of(model, images.images)
    maps = method.maps(model, maskable(model, images.images), labels)
    assert method.unmet(model) == ""
    assert maps.shape == (24, 14, 14)
    assert np.isfinite(maps).all()
    some = method.maps(model, maskable(model, images.images.take(np.array([5, 3]))), labels[[5, 3]])
    assert some == pytest.approx(maps[[5, 3]], abs=1e-4 * float(np.abs(maps).max()))
    assert model.backbone.network.training == before[0]
    assert np.array_equal(probs_of(model, images.images), before[1])


def test_integrated_gradients_add_up_to_the_change_of_the_log_odds(fitted):
    model, images = fitted
    network = model.backbone
    features = features_of(images, network)
    weight = np.random.default_rng(0).normal(size=(features.penultimate.shape[1], 2)).astype(np.float32)
    linear = Model(network, LinearHead(None, weight, np.zeros(2)), 1.0, images.classes)  # sees the last map alone
    pictures = maskable(linear, images.images.take(np.arange(4)))
    maps = MAPS.get("integrated_grad_cam")().maps(linear, pictures, np.zeros(4, np.int64))
    (stage,) = stages_of(linear, 10)
    (inside,) = gradients_at(linear, {64: pictures.squares(np.arange(4), 64)}, np.zeros(4, np.int64), [stage])
    ends = [log_odds(probs_of(linear, one), np.zeros(4, np.int64)) for one in (pictures, _replaced(pictures))]
    num_places = np.prod(inside.places(inside.values).shape[2:])
    assert maps.mean(axis=(1, 2)) * num_places == pytest.approx(ends[0] - ends[1], rel=0.15, abs=0.05)


def _replaced(pictures):
    return pictures.masked(np.arange(4), np.ones((4, 1, 1), bool))


def test_what_has_no_map_or_no_gradient_is_refused_in_a_sentence(fitted):
    model, images = fitted
    features = features_of(images, model.backbone)
    representation = Representation.fitted(features, "stages")
    rows = representation.matrix(features)
    neighbors = Model(model.backbone, NeighborHead(representation, rows, images.labels, 1, 2), 1.0, images.classes)
    pixels = Model(load_backbone("pixels", "none", 18), model.head, 1.0, images.classes)
    for name in BY_GRADIENT:
        assert MAPS.get(name)().unmet(neighbors) == ("The head asks nearest neighbors, which have no gradient. Choose --by rise.")
        assert MAPS.get(name)().unmet(pixels) == (
            "pixels has no map of places inside, so that nothing can be told by gradients. Choose --by rise."
        )
