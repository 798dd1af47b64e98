from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.heads.kernel_map import KernelMap
from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.shift.projected_domains import SharedProjections, projected_domains

sys.path.insert(0, str(Path(__file__).parents[1] / "methods" / "adapt"))

from two_domains import picture_task, vector_task


def test_rows_and_labels_of_both_sides():
    task = vector_task(labeled=5)
    found = projected_domains(task, load_backbone("embeddings"), "stages", 16, 0)
    assert found.source.shape == (107, 2)
    assert found.target.shape == (83, 2)
    assert found.source_labels.tolist() == task.source.labels.tolist()
    assert found.known.tolist() == [0, 1, 2, 3, 4]
    assert found.target_labels[:6].tolist() == [*task.train.labels, -1]
    assert found.labels.tolist() == [*task.source.labels, *task.train.labels]
    assert not set(found.source_groups) & set(found.target_groups)


def test_narrow_vectors_keep_their_length_and_wide_ones_are_projected():
    narrow = projected_domains(vector_task(), load_backbone("embeddings"), "stages", 16, 0)
    assert narrow.projection.representation is None
    np.testing.assert_allclose(narrow.source.std(axis=0), 1, atol=1e-5)
    wide = projected_domains(vector_task(width=7), load_backbone("embeddings"), "stages", 3, 0)
    assert wide.projection.representation is not None
    assert wide.source.shape == (107, 3)


def test_pictures_are_projected():
    found = projected_domains(picture_task(), load_backbone("small_cnn", "none", 16, seed=1), "stages+pixels", 11, 0)
    assert found.source.shape == (107, 11)
    np.testing.assert_allclose(np.concatenate([found.source, found.target]).mean(axis=0), 0, atol=1e-5)


def test_each_domain_may_be_centered_on_itself():
    task, net = picture_task(), load_backbone("small_cnn", "none", 16, seed=1)
    shared, own = (projected_domains(task, net, "stages", 11, 0, own_means=choice) for choice in (False, True))
    gaps = [np.linalg.norm(one.source.mean(axis=0) - one.target.mean(axis=0)) for one in (shared, own)]
    assert gaps[1] < 0.3 * gaps[0]
    few = replace(task, unlabeled=task.unlabeled.take(np.arange(5)))
    shared, own = (projected_domains(few, net, "stages", 11, 0, own_means=choice) for choice in (False, True))
    np.testing.assert_array_equal(shared.target, own.target)


def test_mapped_domains_stay_consistent():
    found = projected_domains(vector_task(), load_backbone("embeddings"), "stages", 16, 0)
    matrix, shift = np.array([[2.0], [1.0]]), np.array([3.0])
    mapped = found.mapped(matrix, shift, found.source @ matrix)
    np.testing.assert_allclose(mapped.target, found.target @ matrix + shift)


def test_ridge_sees_labeled_target_rows():
    task = vector_task(labeled=40)
    found = projected_domains(task, load_backbone("embeddings"), "stages", 16, 0)
    assert len(found.ridge().fit.loo_rows) == 107 + 40
    assert len(replace(found, target_labels=np.full(83, -1)).ridge().fit.loo_rows) == 107


def test_features_that_are_not_finite_are_refused():
    task = vector_task()
    features = task.unlabeled.images.features.copy()
    features[3, 1] = np.nan
    images = replace(task.unlabeled.images, features=features)
    with pytest.raises(DataError) as error:
        projected_domains(
            replace(task, unlabeled=replace(task.unlabeled, images=images)), load_backbone("embeddings"), "stages", 4, 0
        )
    assert str(error.value) == "Features of made are not finite numbers. Leave those rows out, or take another network."
    with pytest.raises(DataError) as error:
        projected_domains(replace(task, source=None), load_backbone("embeddings"), "stages", 4, 0)
    assert str(error.value) == "made has no source to adapt from. Name one with --source, or choose ridge."


def test_projections_are_made_once_for_all_labels_and_equal_those_made_alone(monkeypatch):
    task, net = picture_task(), load_backbone("small_cnn", "none", 16, seed=1)
    made = []
    original = SharedProjections._projected
    monkeypatch.setattr(SharedProjections, "_projected", lambda *given: made.append(given[-1]) or original(*given))
    shared = SharedProjections()
    other = replace(task, source=task.source.labeled_as((task.source.labels + 1) % task.num_classes))
    first, again, own, third = (
        shared.domains(one, net, "stages", 11, 0, own_means=choice)
        for one, choice in ((task, False), (task, False), (task, True), (other, False))
    )
    assert made == [False, True]
    assert first is again
    assert third.source is first.source
    assert third.source_labels.tolist() == other.source.labels.tolist()
    alone = projected_domains(task, net, "stages", 11, 0, own_means=True)
    np.testing.assert_array_equal(own.source, alone.source)
    np.testing.assert_array_equal(own.target, alone.target)


def test_the_source_model_is_fitted_once_and_not_kept_for_moved_rows():
    found = projected_domains(vector_task(), load_backbone("embeddings"), "stages", 16, 0)
    assert found.ridge() is found.ridge()
    moved = found.moved(2.0 * found.source)
    assert moved.ridge() is not found.ridge()


def test_pseudo_labels_are_learned_from_rows_that_are_mapped_once(monkeypatch):
    found = replace(projected_domains(vector_task(), load_backbone("embeddings"), "stages", 16, 0), width=0.3)
    probs = np.eye(found.num_classes)[np.arange(83) % found.num_classes] * 0.9 + 0.01
    alone = fit_kernel_ridge(found.target, probs.argmax(axis=1), found.num_classes, probs.max(axis=1), None, 0, 0.3)
    first = found.target_ridge(probs)
    np.testing.assert_array_equal(first.fit.weight, alone.fit.weight)
    np.testing.assert_array_equal(found.target_scores(first), alone.scores(found.target))
    monkeypatch.setattr(KernelMap, "of", None)
    assert found.target_ridge(probs[:, ::-1]).kernel_map is first.kernel_map
    source_model = fit_kernel_ridge(found.source, found.source_labels, found.num_classes, width=0.0)
    np.testing.assert_array_equal(found.target_scores(source_model), source_model.scores(found.target))
    few = np.arange(0, 83, 3)
    np.testing.assert_array_equal(found.target_scores(source_model, few), source_model.scores(found.target[few]))
