"""The adaptations on features: what all of them promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from two_domains import picture_task, vector_task

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import METHODS, method_from
from headstart.methods._feature_adaptation import FeatureAdaptation
from headstart.methods.model import Model
from headstart.training.settings import Training

KINDS = tuple(kind for kind in METHODS.names() if issubclass(METHODS.get(kind), FeatureAdaptation))
NEED_TRANSPORT = {"optimal_transport", "class_transport", "jdot", "invariant_transport"}
MOVE = {"coral", "linear_monge", "domain_mean", "domain_standardization"}

each_method = pytest.mark.parametrize("kind", KINDS)


def fitted(kind: str, task: Task) -> Model:
    if kind in NEED_TRANSPORT:
        pytest.importorskip("ot")
    return method_from({"kind": kind}).fit(task, net() if not task.source.images.embedded else vectors(), Training(seed=1))


def net() -> Backbone:
    return load_backbone("small_cnn", "none", 16, seed=1)


def vectors() -> Backbone:
    return load_backbone("embeddings")


def accuracy(model: Model, task: Task) -> float:
    return evaluate(model, task.test)[0].metrics["accuracy"].value


@pytest.mark.slow
@each_method
def test_without_any_shift_it_is_as_good_as_the_source_model(kind):
    task = vector_task(width=3, matrix=np.eye(2), shift=np.zeros(2))
    assert accuracy(fitted("source_only", task), task) > 0.9
    assert accuracy(fitted(kind, task), task) > 0.9


@pytest.mark.parametrize("kind", sorted(MOVE))
@pytest.mark.parametrize("width", [2, 7])
def test_an_affine_shift_is_undone(kind, width):
    task = vector_task(width)
    assert accuracy(fitted("source_only", task), task) < 0.6
    assert accuracy(fitted(kind, task), task) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if METHODS.get(kind).own_means])
def test_what_moves_rows_tells_pictures_of_another_brightness_apart(kind):
    task = picture_task()
    assert accuracy(fitted(kind, task), task) > 0.65


@pytest.mark.slow
@each_method
def test_nine_target_labels_help_with_pictures_of_another_brightness(kind):
    task = picture_task(9)
    assert accuracy(fitted(kind, task), task) > 0.65


@pytest.mark.slow
@each_method
def test_target_labels_that_are_hidden_do_not_matter(kind):
    task = vector_task(5)
    truth = np.arange(len(task.unlabeled)) % 3
    told = replace(task, unlabeled=replace(task.unlabeled, hidden_labels=truth))
    first, second = (fitted(kind, one).predict(task.test).probs for one in (task, told))
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
@each_method
def test_a_class_that_the_source_lacks_gets_no_row_where_the_target_has_no_label_of_it(kind):
    task = vector_task(width=3, matrix=np.eye(2), shift=np.zeros(2))
    source = task.source.take(task.source.labels != 1)
    probs = fitted(kind, replace(task, source=source)).predict(task.test).probs
    assert np.isfinite(probs).all()
    assert (probs.argmax(axis=1) != 1).all()


@pytest.mark.slow
@each_method
@pytest.mark.parametrize("num_labeled", [1, 12])
def test_a_class_that_the_source_lacks_is_learned_from_target_labels(kind, num_labeled):
    task = vector_task(width=3, matrix=np.eye(2), shift=np.zeros(2))
    opened = task.test.opened_for_evaluation()
    told = opened.take(np.flatnonzero(opened.labels == 1)[:num_labeled])
    source = task.source.take(task.source.labels != 1)
    probs = fitted(kind, replace(task, source=source, train=told)).predict(task.test).probs
    assert np.isfinite(probs).all()
    assert num_labeled == 1 or (probs.argmax(axis=1)[opened.labels == 1] == 1).any()


@each_method
def test_without_target_images_the_sentence_says_what_to_add(kind):
    task = vector_task()
    for unlabeled in (None, task.unlabeled.take([])):
        with pytest.raises(DataError) as error:
            fitted(kind, replace(task, unlabeled=unlabeled))
        assert str(error.value) == "made has no target images to adapt to. Add a folder unlabeled/, or choose source_only."


@each_method
def test_without_a_source_the_sentence_says_what_to_name(kind):
    with pytest.raises(DataError) as error:
        method_from({"kind": kind}).fit(replace(vector_task(), source=None), vectors(), Training())
    assert str(error.value) == (
        f"{kind} needs labeled images of a source domain, and made has none. Name one with --source, or choose ridge."
    )


@pytest.mark.slow
@each_method
def test_the_order_of_target_rows_does_not_matter_much(kind):
    task = vector_task(3)
    order = np.random.default_rng(3).permutation(len(task.unlabeled))
    turned = replace(task, unlabeled=task.unlabeled.take(order))
    one, other = (fitted(kind, each).predict(task.test).probs.argmax(axis=1) for each in (task, turned))
    assert (one == other).mean() > 0.9


@pytest.mark.slow
@each_method
def test_constant_features_and_few_target_rows_do_no_harm(kind):
    task = vector_task(2)
    features = task.unlabeled.images.features.copy()
    images = replace(task.unlabeled.images, features=np.ones_like(features))
    constant = replace(task, unlabeled=replace(task.unlabeled, images=images))
    few = replace(task, unlabeled=task.unlabeled.take([0, 1]))
    for each in (constant, few):
        assert np.isfinite(fitted(kind, each).predict(task.test).probs).all()
