"""Conformal p-values: their level, what calibrates them, and that they are kept with a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from headstart.backbones.loading import load_backbone
from headstart.core.rows import unit_rows
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.novelty import detector as module
from headstart.novelty.detector import NoveltyDetector, fit_detector, left_out_similarity

WIDTH = 12
CENTERS = np.random.default_rng(3).normal(size=(6, WIDTH)) * 1.6


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("embeddings", "pretrained", 0, 0)


def image_set(classes, seed: int, moved: float = 0.0, hidden: bool = False, first_group: int = 0) -> ImageSet:
    """Rows around the centers of those classes."""
    labels = np.asarray(classes)
    rows = CENTERS[labels] + np.random.default_rng(seed).normal(size=(len(labels), WIDTH)) + moved
    at = np.arange(len(labels))
    images = Embeddings(rows.astype(np.float32), "set", at)
    return ImageSet(images, ("a", "b", "c", "d"), np.full(len(labels), -1) if hidden else labels, at + first_group)


def task_of(**parts) -> Task:
    return Task(name="set", classes=("a", "b", "c", "d"), **parts)


def p_values_of(found: NoveltyDetector, images: ImageSet, backbone) -> np.ndarray:
    return found.p_values(features_of(images, backbone))


KNOWN = np.arange(119) % 4


def test_left_out_similarity_is_what_a_pool_without_the_row_gives():
    rng = np.random.default_rng(5)
    target, rows = unit_rows(rng.normal(size=(17, 5))), unit_rows(rng.normal(size=(7, 5)))
    same = np.zeros((17, 7), bool)
    same[3, 2] = True
    similarity, hubness = left_out_similarity(target, rows, same)
    cosines = np.where(same, -1.0, target @ rows.T)
    assert np.allclose(hubness, np.sort(cosines, axis=0)[-10:].mean(axis=0))
    for place in range(17):
        without = np.sort(np.delete(cosines, place, axis=0), axis=0)[-10:].mean(axis=0)
        assert similarity[place] == pytest.approx((2 * cosines[place] - without).max())


def test_few_rows_have_fewer_neighbors():
    target = unit_rows(np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]))
    similarity, hubness = left_out_similarity(target, target, np.eye(3, dtype=bool))
    assert np.allclose(hubness, [0.3, 0.7, 0.4])
    # The first row is likest the second (0.6), whose other neighbors but the first have a mean cosine of (0.8 - 1) / 2.
    assert similarity[0] == pytest.approx(2 * 0.6 - (0.8 - 1.0) / 2)


def test_a_twentieth_of_known_images_is_below_a_twentieth_and_most_unknown_ones_are(backbone):
    found = fit_detector(task_of(train=image_set(KNOWN, 0)), backbone)
    known = p_values_of(found, image_set(np.arange(800) % 4, 1), backbone)
    unknown = p_values_of(found, image_set(np.full(301, 5), 2), backbone)
    assert 0.02 < np.mean(known <= 0.05) < 0.09
    assert np.mean(unknown <= 0.05) > 0.5
    assert roc_auc_score(np.repeat([1, 0], [800, 301]), np.concatenate([known, unknown])) > 0.9
    assert ((known > 0) & (known <= 1)).all()


def test_a_p_value_is_the_share_of_left_out_images_with_no_larger_statistic(backbone):
    found = fit_detector(task_of(train=image_set(KNOWN, 0)), backbone).directions_only()
    found = replace(found, calibration=np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0], [2.0, 4.0]], np.float32))
    ours = features_of(image_set(KNOWN[:1], 7), backbone)
    similarity, score = found.statistics(ours)[0]
    total = (similarity - 1.0) / 1.0 + (score - 2.0) / 2.0  # the common divisor does not matter
    assert found.p_values(ours)[0] == (1 + sum(total >= other for other in (-2, 0, 0, 2))) / 5
    assert found.least_p_value == 0.2


def test_directions_and_distances_count_in_their_own_standard_deviations_and_short_distances_do_not(backbone):
    found = fit_detector(task_of(train=image_set(KNOWN, 0)), backbone)
    calibration = np.array([[0, 0, -1], [2, 0, -1], [0, 4, -5], [2, 4, -5]], np.float32)  # means 1, 2, -3; deviations 1, 2, 2
    found = replace(found, calibration=calibration)
    assert found.totals(np.array([[1.0, 2.0, 0.0]]))[0] == 0
    assert found.totals(np.array([[1.0, 2.0, -3.0]]))[0] == 0
    assert found.totals(np.array([[1.0, 2.0, -9.0]]))[0] == -3
    # Directions are -2, 0, 0 and 2 of the four images, with a standard deviation of the root of 2.
    assert found.totals(np.array([[2.0, 6.0, -9.0]]))[0] == pytest.approx((1 + 2) / np.sqrt(2) - 3)
    assert found.directions_only().totals(np.array([[2.0, 6.0]]))[0] == pytest.approx((1 + 2) / np.sqrt(2))


@pytest.mark.parametrize("factor", [8.0, 20.0])
def test_an_image_in_a_known_direction_whose_features_are_far_from_the_known_ones_is_unlike_all(backbone, factor):
    found = fit_detector(task_of(train=image_set(KNOWN, 0)), backbone)
    center = np.asarray(found.representation.means[0])
    scaled = (center + factor * (CENTERS[np.arange(11) % 4] - center)).astype(np.float32)
    images = ImageSet(Embeddings(scaled, "set", np.arange(11)), ("a", "b", "c", "d"), np.full(11, -1), np.arange(11))
    by_directions = p_values_of(found.directions_only(), images, backbone)
    assert by_directions.min() > 0.2
    assert p_values_of(found, images, backbone).max() < module.UNUSUAL


def test_a_p_value_does_not_depend_on_the_other_images(backbone):
    found = fit_detector(task_of(train=image_set(KNOWN, 0)), backbone)
    images = image_set([0, 5, 3], 4)
    together = p_values_of(found, images, backbone)
    assert [p_values_of(found, images.take(np.array([row])), backbone)[0] for row in range(3)] == together.tolist()


def test_left_out_scores_are_those_of_fits_without_the_row(backbone):
    train = image_set(KNOWN[:23], 0)
    found = fit_detector(task_of(train=train), backbone)
    rows = unit_rows(found.representation.matrix(features_of(train, backbone)))
    fit = fit_ridge(rows, train.labels, 4)
    assert np.allclose(found.calibration[:, 1], fit.loo_scores.max(axis=1), atol=1e-5)


def test_copies_do_not_raise_the_p_value(backbone):
    train = image_set(KNOWN[:20], 0)
    twice = train.take(np.repeat(np.arange(20), 2))
    alone, copied = (fit_detector(task_of(train=images), backbone).calibration[:, 0] for images in (train, twice))
    assert copied.max() < 1.5
    assert np.corrcoef(alone, copied[::2])[0, 1] > 0.9


def test_known_images_of_a_shifted_target_keep_the_level_and_unknown_ones_are_lower(backbone):
    source = image_set(np.arange(160) % 4, 0, first_group=500)
    pool = image_set(np.arange(180) % 6, 1, moved=4.0, hidden=True)
    nothing = pool.take(np.empty(0, np.int64))
    found = fit_detector(task_of(train=nothing, unlabeled=pool, source=source), backbone)
    assert len(found.calibration) == 180
    new = np.arange(600) % 6
    p_values = p_values_of(found, image_set(new, 2, moved=4.0), backbone)
    assert roc_auc_score(new < 4, p_values) > 0.85
    assert np.mean(p_values[new < 4] <= 0.05) <= 0.05


def test_labels_of_the_pool_are_not_read(backbone):
    source = image_set(np.arange(40) % 4, 0, first_group=500)
    pool, few = image_set(KNOWN[:31], 1, hidden=True), image_set(KNOWN[:5], 2, first_group=100)
    first = fit_detector(task_of(train=few, unlabeled=pool, source=source), backbone)
    lied = replace(pool, hidden_labels=np.zeros(31, np.int64))
    second = fit_detector(task_of(train=few, unlabeled=lied, source=source), backbone)
    assert len(first.calibration) == 36
    assert all(np.array_equal(first.arrays()[name], array) for name, array in second.arrays().items())


def test_held_out_images_calibrate_in_the_place_of_left_out_ones(backbone):
    held = image_set(KNOWN[:37], 1)
    found = fit_detector(task_of(train=image_set(KNOWN, 0)), backbone, held)
    assert np.array_equal(found.calibration, found.statistics(features_of(held, backbone)))


def test_a_source_stands_in_where_no_target_image_is_there(backbone):
    source = image_set(KNOWN, 0)
    nothing = source.take(np.empty(0, np.int64))
    found = fit_detector(task_of(train=nothing, source=source), backbone)
    assert np.array_equal(found.calibration, fit_detector(task_of(train=source), backbone).calibration)
    assert fit_detector(task_of(train=source.take(np.arange(1))), backbone) is None


def test_images_that_are_all_alike_have_a_p_value_of_one(backbone):
    gray = ImageSet(Embeddings(np.ones((119, 4), np.float32), "set", np.arange(119)), ("a", "b", "c", "d"), KNOWN, np.arange(119))
    found = fit_detector(task_of(train=gray), backbone)
    assert (p_values_of(found, gray, backbone) == 1.0).all()


@pytest.mark.parametrize("copies", ["each for itself", "as one thing"])
def test_an_unknown_image_is_found_where_the_images_of_a_class_are_all_alike(backbone, copies):
    labels, at = np.arange(24) % 2, np.arange(24)
    rows = (CENTERS[labels] * 3).astype(np.float32)
    train = ImageSet(Embeddings(rows, "set", at), ("a", "b"), labels, at if copies == "each for itself" else labels)
    found = fit_detector(Task("set", ("a", "b"), train), backbone)
    assert (found.calibration.std(axis=0) < module.LEAST_STD).all()
    new = np.concatenate([rows[:2], CENTERS[4:] * 3]).astype(np.float32)
    others = ImageSet(Embeddings(new, "set", np.arange(4)), ("a", "b"), np.full(4, -1), np.arange(4))
    assert p_values_of(found, others, backbone).tolist() == [1.0, 1.0, found.least_p_value, found.least_p_value]


def test_memory_is_bounded_and_arrays_make_it_again(backbone, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 90)
    monkeypatch.setattr(module, "MOST_VALUES", 41 * WIDTH)
    found = fit_detector(task_of(train=image_set(KNOWN, 0)), backbone)
    assert (found.rows.shape, found.rows.dtype, len(found.calibration)) == ((41, WIDTH), np.float16, 90)
    again = NoveltyDetector.from_arrays(found.arrays())
    images = image_set(KNOWN[:9], 8)
    assert np.array_equal(p_values_of(found, images, backbone), p_values_of(again, images, backbone))


def test_arrays_of_earlier_versions_are_read(backbone):
    arrays = fit_detector(task_of(train=image_set(KNOWN, 0)), backbone).arrays()
    old = {{"hubness": "commonness", "calibration": "known"}.get(name, name): array for name, array in arrays.items()}
    again = NoveltyDetector.from_arrays(old).arrays()
    assert again.keys() == arrays.keys()
    assert all(np.array_equal(again[name], array) for name, array in arrays.items())
    whole = NoveltyDetector.from_arrays(arrays)
    before = {name: array for name, array in old.items() if not name.startswith("distances")}
    images = image_set(KNOWN[:9], 8)
    expected = p_values_of(whole.directions_only(), images, backbone)
    for lengths in ({}, {"norms.mean": np.ones(1), "norms.std": np.ones(1)}):  # unreleased versions compared lengths, too
        known = arrays["calibration"] if lengths else arrays["calibration"][:, :2]
        found = NoveltyDetector.from_arrays(before | lengths | {"known": known})
        assert np.array_equal(p_values_of(found, images, backbone), expected)
