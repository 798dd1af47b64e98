from __future__ import annotations

import numpy as np
import pytest

from headstart.core.predictions import Predictions
from headstart.evaluation.slices import ATTRIBUTES, all_attributes
from headstart.evaluation.slices.background import Background
from headstart.evaluation.slices.base import NamedAttribute, SliceInputs
from headstart.evaluation.slices.cluster import IMAGES_A_CLUSTER
from headstart.evaluation.slices.sharpness import Sharpness


def rows(names: tuple[str, ...], **columns: tuple[str, ...]) -> Predictions:
    labels = np.arange(len(names)) % 2
    probs = np.eye(2)[labels]
    return Predictions(names, ("a", "b"), labels, probs, probs, np.arange(len(names)), **columns)


def painted(border: tuple[int, int, int]) -> np.ndarray:
    picture = np.zeros((20, 31, 3), np.float32) + np.array(border, np.float32)
    picture[5:15, 5:25] = 130
    return picture


@pytest.mark.parametrize(
    ("border", "name"),
    [
        ((10, 10, 12), "black"),
        ((250, 250, 250), "white"),
        ((120, 120, 125), "gray"),
        ((200, 30, 40), "red"),
        ((200, 30, 60), "red"),
        ((220, 210, 40), "yellow"),
        ((20, 40, 200), "blue"),
    ],
)
def test_the_background_is_the_color_of_the_border(border, name):
    assert Background.of_picture(painted(border)) == name


def test_a_blurred_picture_has_a_smaller_variance_of_its_laplacian():
    sharp = np.random.default_rng(0).integers(0, 255, (23, 17, 3)).astype(np.float32)
    blurred = (sharp + np.roll(sharp, 1, axis=0) + np.roll(sharp, 1, axis=1)) / 3
    assert Sharpness.of_picture(blurred) < 0.5 * Sharpness.of_picture(sharp)
    ramp = np.broadcast_to(np.arange(17.0)[None, :, None], (23, 17, 3)).astype(np.float32)
    assert Sharpness.of_picture(ramp) == pytest.approx(2 / 17)  # one at each border column, of opposite sign


def test_fifths_of_a_number_do_not_overlap_and_tails_are_those_shares():
    brightness = all_attributes()["brightness"]
    column = np.random.default_rng(1).permutation(np.arange(100.0))
    table = list(brightness.table(column))
    assert np.sum([one.rows for one in table], axis=0).tolist() == [1] * 100
    assert [int(one.rows.sum()) for one in table] == [20] * 5
    everything = np.ones(100, bool)
    tails = {one.name: int(one.rows.sum()) for one in brightness.slices(column, everything)}
    assert tails["the darkest 20% of images (up to 19.8)"] == 20
    assert tails["the brightest 10% of images (from 89.1 on)"] == 10
    among = column < 50
    inside = next(iter(brightness.slices(column, among)))
    assert inside.name.startswith("the darkest 10%")
    assert int(inside.rows.sum()) == 5


def test_endings_of_one_format_are_one_kind_and_rows_without_a_file_have_none():
    kinds = ATTRIBUTES.get("file_kind")()
    assert isinstance(kinds, NamedAttribute)
    assert kinds.names(SliceInputs(rows(("a.JPEG", "b.jpg", "c.png", "set[3]")))) == [".jpg", ".jpg", ".png", ""]


def test_clusters_are_those_of_the_features_and_need_enough_images():
    cluster = all_attributes()["cluster"]
    blobs = np.repeat(np.eye(2), IMAGES_A_CLUSTER, axis=0)
    features = blobs + 0.01 * np.random.default_rng(2).normal(size=blobs.shape)
    labeled = rows(tuple(map(str, range(len(features)))))
    column = cluster.column(SliceInputs(labeled, features=features))
    assert len(set(column[:IMAGES_A_CLUSTER])) == len(set(column[IMAGES_A_CLUSTER:])) == 1
    assert column[0] != column[-1]
    assert cluster.column(SliceInputs(labeled, features=features[:-1])) is None
    assert cluster.column(SliceInputs(labeled)) is None


def test_what_the_data_do_not_name_is_no_attribute():
    inputs = SliceInputs(rows(("a", "b")))
    unknown = {name for name, one in all_attributes().items() if one.column(inputs) is None}
    assert unknown == {"background", "brightness", "cluster", "color", "contrast", "domain", "group", "sharpness", "side"}
