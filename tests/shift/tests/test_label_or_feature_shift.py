"""What changed between two domains: nothing, class shares, or the features."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.shift.tests.label_or_feature_shift import (
    ShiftKind,
    _Discrepancy,
    _kind,
    nearest_shares,
    rotated_source,
    shift_kind,
)

CENTERS = np.random.default_rng(11).normal(size=(3, 7)) * 2.0 + 5.0


def rows(labels: np.ndarray, seed: int) -> np.ndarray:
    return CENTERS[labels] + np.random.default_rng(seed).normal(size=(len(labels), CENTERS.shape[1]))


def labels(shares: tuple[float, ...], num: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(3, num, p=shares)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_of_one_domain_pass_for_one(seed):
    here, there = labels((0.3, 0.5, 0.2), 211, seed), labels((0.3, 0.5, 0.2), 173, seed + 50)
    found = shift_kind(rows(here, seed + 10), here, rows(there, seed + 20), 3, seed)
    assert found.kind == "none"
    assert found.sentence == f"Source and target pass for one domain (p = {found.p_value:.2g})."


@pytest.mark.parametrize("num", [2, 7])
@pytest.mark.parametrize("move", [0.0, 2.0, 50.0])
def test_a_target_of_few_rows_tells_nothing(num, move):
    here, there = labels((0.3, 0.5, 0.2), 211, 1), labels((0.3, 0.5, 0.2), num, 51)
    found = shift_kind(rows(here, 11), here, rows(there, 21) + move, 3, 1)
    assert found.kind == "few"
    assert found.sentence == "The target has fewer than 8 images, too few to tell what changed."
    assert found.conclusion == "Without labels, the unadapted model is kept."


@pytest.mark.slow
def test_from_eight_rows_on_two_standard_deviations_are_told():
    here, told = np.arange(60) % 2, 0
    for seed in range(30):
        generator = np.random.default_rng(seed)
        moved = generator.normal(size=(8, 2)) + np.array([1.2, 1.6])
        told += shift_kind(generator.normal(size=(60, 2)), here, moved, 2, seed).kind not in ("few", "none")
    assert told >= 27


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_class_shares_are_recognized_and_found(seed):
    here, there = labels((0.3, 0.5, 0.2), 311, seed), labels((0.75, 0.05, 0.2), 273, seed + 50)
    found = shift_kind(rows(here, seed + 10), here, rows(there, seed + 20), 3, seed)
    assert found.kind in {"labels", "either"}
    np.testing.assert_allclose(found.shares, np.bincount(there) / len(there), atol=0.04)
    assert "nothing but its class shares" in found.sentence


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_features_that_moved_are_not_taken_for_other_shares(seed):
    here, there = labels((0.3, 0.5, 0.2), 211, seed), labels((0.3, 0.5, 0.2), 173, seed + 50)
    found = shift_kind(rows(here, seed + 10), here, rows(there, seed + 20) * 0.8 + 1.5, 3, seed)
    assert found.kind == "features"
    assert found.label_ratio > 3 > found.feature_ratio
    assert "no shares of the source's classes explain it" in found.sentence


def test_a_class_without_source_rows_has_no_share():
    here, there = labels((0.4, 0.6, 0.0), 101, 1), labels((0.4, 0.6, 0.0), 97, 2)
    assert shift_kind(rows(here, 3), here, rows(there, 4), 3, 0).shares[2] == 0.0


def test_nearest_shares_solve_the_mixture_and_stay_on_the_simplex():
    means = np.eye(3, 5)
    np.testing.assert_allclose(nearest_shares(means, np.array([0.2, 0.5, 0.3]) @ means), [0.2, 0.5, 0.3], atol=1e-9)
    outside = nearest_shares(means, np.array([1.4, -0.4, 0.0, 0.0, 0.0]))
    assert outside.min() >= 0
    assert outside.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(outside, [1.0, 0.0, 0.0], atol=1e-3)


CORNERS = np.array([[-1.0, 1.0], [4.0, 0.5], [-0.5, -1.5]])


def mirrored(shares: tuple[float, ...], corners: np.ndarray, seed: int):
    """A source, its labels, a target that is its mirror image in the origin, moved, and the target's labels."""
    random = np.random.default_rng(seed)
    here, there = random.choice(3, 151, p=shares), random.choice(3, 131, p=shares)
    source = corners[here] + random.normal(size=(151, 2)) * 0.4
    return source, here, 3.0 - corners[there] + random.normal(size=(131, 2)) * 0.4, there


def test_a_mirrored_target_is_recognized_and_the_source_rotated_onto_it():
    source, here, target, there = mirrored((0.6, 0.25, 0.15), CORNERS, 1)
    found = shift_kind(source, here, target, 3, 1)
    assert found.kind == "rotated"
    assert found.rotation_ratio < 3 < found.feature_ratio
    assert found.sentence.endswith("; a rotation or mirror image of the source does.")
    old = found.to_dict()
    old |= {"kind": "turned", "turn_ratio": old.pop("rotation_ratio")}
    assert ShiftKind.from_dict(old) == found
    moved = rotated_source(source, target, 1)
    for label in range(3):
        np.testing.assert_allclose(moved[here == label].mean(axis=0), target[there == label].mean(axis=0), atol=0.6)


def test_a_shape_that_fits_in_several_ways_is_not_rotated():
    """Corners of an equilateral triangle with equal shares: nobody can tell which is which."""
    angles = np.array([0.0, 2.0, 4.0]) * np.pi / 3
    corners = 1.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    source, here, target, _ = mirrored((1 / 3, 1 / 3, 1 / 3), corners, 1)
    assert shift_kind(source, here, target, 3, 1).kind == "features"


@pytest.mark.parametrize(
    ("by_shares", "by_map", "kind"),
    [(1.4, 3.0, "labels"), (1.6, 3.0, "either"), (2.9, 1.5, "either"), (2.9, 1.4, "features"), (3.1, 9.0, "features")],
)
def test_one_explanation_excludes_the_other_where_it_leaves_half_as_much(by_shares, by_map, kind):
    far, shares, moved = (_Discrepancy(ratio, np.ones(300)) for ratio in (50.0, by_shares, by_map))
    assert _kind(far, shares, moved) == kind
