"""Heads that are fitted to views of the pictures, too."""

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.data.augmented import each_with_views
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods import method_from
from headstart.methods.heads import fitted_ridge, ridge_head
from headstart.training.settings import Training

KINDS = ("ridge", "kernel_ridge", "logistic")


@pytest.fixture
def pixels():
    return load_backbone("pixels", "none", 8)


def spots(num_rows: int, seed: int) -> ImageSet:
    """A spot above or below, somewhere along the width, and noise: a few pictures do not show all places."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_rows) % 2
    images = generator.integers(0, 60, (num_rows, 8, 8, 3)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        place = generator.integers(0, 7)
        image[1 + 4 * label : 3 + 4 * label, place : place + 2] = 255
    return ImageSet(ArrayImages(images, "spots", np.arange(num_rows)), ("above", "below"), labels, np.arange(num_rows))


def task_of(train: ImageSet) -> Task:
    return Task("spots", train.classes, train, place="spots", native_pixels=8)


@pytest.mark.parametrize("kind", KINDS)
def test_views_of_a_few_pictures_show_what_they_do_not(kind, pixels):
    task, new = task_of(spots(6, 0)), spots(200, 1)
    plain, with_views = (
        method_from({"kind": kind, "blocks": "pixels", "views": views}).fit(task, pixels, Training()) for views in (0, 16)
    )
    losses = [model.predict(new).log_losses.mean() for model in (plain, with_views)]
    assert losses[1] < losses[0]


def test_it_is_the_head_of_the_pictures_with_their_views(pixels):
    task, method = task_of(spots(12, 2)), method_from({"kind": "ridge", "blocks": "pixels", "views": 3})
    model = method.fit(task, pixels, Training())
    views = method.views_of(task.train, task.native_pixels)
    assert views is not None
    assert len(views) == 36
    rows = each_with_views(task.train, views)
    assert rows.images.name(5) == task.train.images.name(1) + ", view 1"
    assert rows.groups.tolist() == np.repeat(np.arange(12), 4).tolist()
    head, temperature = ridge_head(features_of(rows, pixels), rows.labels, 2, "pixels", rows.groups)
    assert np.array_equal(model.head.arrays()["weight"], head.arrays()["weight"])
    assert model.temperature == temperature


def test_feature_vectors_have_no_views(task):
    plain, with_views = (method_from({"kind": "ridge", "views": views}) for views in (0, 4))
    assert with_views.views_of(task.train, 0) is None
    embeddings = load_backbone("embeddings")
    weights = [one.fit(task, embeddings, Training()).head.arrays()["weight"] for one in (plain, with_views)]
    assert np.array_equal(*weights)


def test_a_large_group_is_left_out_together_with_its_views(pixels):
    """Groups do not carry over to each other: views of a row in the fit would tell its class."""
    draw, num = np.random.default_rng(3), 130
    images = draw.integers(0, 256, (4 * num, 8, 8, 3)).astype(np.uint8)
    labels, groups = draw.integers(0, 2, 4 * num), np.repeat(np.arange(4), num)
    rows = ImageSet(ArrayImages(images, "noise", np.arange(4 * num)), ("a", "b"), labels, groups)
    views = method_from({"kind": "ridge", "blocks": "pixels", "views": 4}).views_of(rows, 8)
    seen = each_with_views(rows, views)
    _, fit = fitted_ridge(features_of(seen, pixels), seen.labels, 2, "pixels", seen.groups)
    assert abs((fit.loo_scores.argmax(axis=1) == seen.labels).mean() - 0.5) < 0.1


def test_one_picture_a_class_with_views_is_predicted_above_chance(pixels):
    task, new = task_of(spots(2, 5)), spots(100, 6)
    model = method_from({"kind": "logistic", "blocks": "pixels", "views": 4}).fit(task, pixels, Training())
    assert model.predict(new).probs.max(axis=1).mean() > 0.55
