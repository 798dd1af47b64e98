"""Deletion curves: the map that names the decisive place beats random ones, and its opposite does not."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.attribution.class_scores import maskable, probs_of
from headstart.attribution.deletion import GRID, deletion_curves


def test_a_map_of_the_decisive_place_beats_random_maps_and_its_opposite_does_not(corner_model, bright_corners):
    maps = np.zeros((3, 7, 7))
    maps[:, :3, 4:] = 1.0
    maps[2] *= -1
    labels = np.zeros(3, np.int64)
    pictures = maskable(corner_model, bright_corners, "mean")
    curves = deletion_curves(corner_model, pictures, labels, maps, steps=8, num_random=4)
    assert curves.by_map.shape == (3, 8)
    assert curves.by_random.shape == (3, 4, 8)
    assert curves.beats_random == [True, True, False]
    assert curves.areas[0] < 0.25 < 0.8 < curves.areas[2]
    replaced = pictures.masked(np.arange(3), np.ones((3, 1, 1), bool))
    whole, none = (probs_of(corner_model, one)[:, 0] for one in (pictures, replaced))
    assert curves.by_map[:, 0] == pytest.approx(whole)
    assert curves.by_random[:, :, 0] == pytest.approx(np.repeat(whole[:, None], 4, axis=1))
    assert curves.by_map[:, -1] == pytest.approx(none)


def test_every_step_replaces_its_share_of_the_cells(bright_corners):
    shares = []

    class Counting:
        classes = ("a", "b")
        backbones = ()

        def predict(self, rows):
            shares.extend(rows.images.hidden.mean(axis=(1, 2)))
            return type("P", (), {"probs": np.full((len(rows), 2), 0.5)})

    pictures = maskable(type("M", (), {"backbones": ()}), bright_corners)
    curves = deletion_curves(Counting(), pictures, np.zeros(3, np.int64), np.ones((3, 5, 5)), steps=5, num_random=1)
    assert curves.shares.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert sorted(shares) == pytest.approx(sorted([*[49 / GRID**2, 98 / GRID**2, 147 / GRID**2] * 6, *[0.0, 1.0] * 3]))
    assert curves.areas == pytest.approx(0.5)
    assert curves.beats_random == [False] * 3  # equal is not better


def test_random_maps_depend_on_the_seed_alone(corner_model, bright_corners):
    pictures, maps = maskable(corner_model, bright_corners), np.ones((3, 7, 7))
    first, same, other = (
        deletion_curves(corner_model, pictures, np.zeros(3, np.int64), maps, num_random=2, seed=seed) for seed in (0, 0, 1)
    )
    assert np.array_equal(first.by_random, same.by_random)
    assert not np.array_equal(first.by_random, other.by_random)
