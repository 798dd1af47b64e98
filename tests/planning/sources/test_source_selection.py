"""Sources: used where they help, never where their labels do not fit their images, with or without target labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.data.additions import all_of
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.planning.sources.domain_features import DomainFeatures, domain_features
from headstart.planning.sources.source_measures import few_shot_accuracy, measured_by_others
from headstart.planning.sources.source_ranking import SourceRanking
from headstart.planning.sources.source_selection import select_sources
from headstart.shift.joint_ridge import Labeled

pytestmark = pytest.mark.slow

CLASSES = ("a", "b", "c", "d", "e")
CENTERS = np.random.default_rng(0).normal(size=(5, 12)) * 1.2


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("embeddings", "pretrained", 0, 0)


def rows(labels, name="", shift=0.0, seed=1, sealed=False) -> ImageSet:
    labels = np.asarray(labels, np.int64)
    features = CENTERS[labels] + np.random.default_rng(seed).normal(size=(len(labels), 12)) + shift
    images = Embeddings(features.astype(np.float32), name or "target", np.arange(len(labels)))
    return ImageSet(images, CLASSES, labels, np.arange(len(labels)), (name,) * len(labels) if name else (), sealed)


def relabeled(images: ImageSet, labels, name: str) -> ImageSet:
    return replace(images, hidden_labels=np.asarray(labels, np.int64), domains=(name,) * len(images))


def task_of(num_labeled: int, *parts: ImageSet) -> Task:
    order = np.arange(83) % 5
    target = rows(order, seed=2)
    hidden = replace(target.take(np.arange(num_labeled, 83)), hidden_labels=np.full(83 - num_labeled, -1))
    source = all_of([replace(part, groups=part.groups + 1_000) for part in parts], CLASSES)
    return Task("target", CLASSES, target.take(np.arange(num_labeled)), unlabeled=hidden, source=source)


GOOD = rows(np.arange(170) % 5, "good", 0.4, seed=3)
FAR = rows(np.arange(150) % 5, "far", 3.0, seed=4)
POISONED = relabeled(GOOD, np.random.default_rng(9).permutation(GOOD.hidden_labels), "poisoned")
RENAMED = relabeled(rows(np.arange(160) % 5, "renamed", 0.4, seed=6), np.array([1, 2, 3, 4, 0])[np.arange(160) % 5], "renamed")


def by_name(ranking: SourceRanking):
    return {one.name: one for one in ranking.sources}


@pytest.mark.parametrize("num_labeled", [0, 5, 40])
def test_a_source_that_fits_is_used_and_one_with_permuted_labels_is_not(backbone, num_labeled):
    found = select_sources(task_of(num_labeled, POISONED, GOOD), backbone)
    assert (found.used, found.choice, found.num_labeled) == (("good",), "one", num_labeled)
    assert [one.name for one in found.sources] == ["good", "poisoned"]
    assert "its labels do not fit its own images" in by_name(found)["poisoned"].reason
    assert SourceRanking.from_json(found.to_json()) == found
    old = found.to_dict()
    for one in old["sources"]:
        one["own"], one["by_others"] = one.pop("own_accuracy"), one.pop("others_accuracy")
        one["on_target"], one["on_target_p_value"] = one.pop("target_accuracy"), one.pop("target_p_value")
    assert SourceRanking.from_dict(old) == found


@pytest.mark.parametrize("num_labeled", [5, 15, 40])
def test_classes_that_changed_names_are_found_by_target_labels(backbone, num_labeled):
    found = select_sources(task_of(num_labeled, RENAMED), backbone)
    assert (found.used, found.choice) == ((), "none")
    one = by_name(found)["renamed"]
    assert one.own_accuracy.value > 0.8
    assert one.agreement == 0.0
    assert one.target_accuracy.value < 0.4
    assert found.sentence.startswith(f"By {num_labeled} labeled target images, no source is used: renamed")


def test_without_target_labels_other_sources_contradict_it(backbone):
    second = rows(np.arange(140) % 5, "second", 0.3, seed=7)
    found = select_sources(task_of(0, GOOD, RENAMED, second), backbone)
    assert (set(found.used), found.choice) == ({"good", "second"}, "mixture")
    assert "its class names mean something else" in by_name(found)["renamed"].reason
    assert by_name(found)["renamed"].others_accuracy.value < by_name(found)["renamed"].others_chance


def test_sources_of_the_same_pictures_under_other_names_contradict_each_other_and_that_is_said(backbone):
    shifted = relabeled(GOOD, (np.asarray(GOOD.hidden_labels) + 1) % 5, "shifted")
    task = task_of(0, GOOD, shifted)
    task = replace(task, source=replace(task.source, groups=np.tile(np.arange(1_000, 1_170), 2)))
    found = select_sources(task, backbone)
    assert all(one.others_accuracy.value < 0.2 for one in found.sources)
    assert len(found.used) == 1
    assert "only labels of target images tell which is right" in found.sentence


def test_only_sources_whose_labels_fit_their_images_judge_others(backbone):
    evidence = by_name(select_sources(task_of(0, GOOD, POISONED), backbone))
    assert evidence["good"].others_accuracy is None
    assert evidence["poisoned"].others_accuracy.value < 0.4


def test_no_row_is_judged_by_rows_of_its_own_group():
    draw = np.random.default_rng(5)
    wrong = draw.permutation(61)[:20]
    centers, names = draw.normal(size=(61, 40)) + 4 * np.eye(3, 40)[np.arange(61) % 3], np.arange(61) % 3
    names[wrong] = (names[wrong] + 1) % 3  # only a copy of the same picture predicts them
    groups = np.repeat(np.arange(61), 3)
    other = Labeled(centers[groups] + 0.01 * draw.normal(size=(183, 40)), names[groups], groups)
    own = Labeled(centers, names, np.arange(61))
    nothing = np.zeros((0, 40))
    domains = DomainFeatures(Labeled(nothing, np.zeros(0, np.int64), np.zeros(0, np.int64)), {}, nothing, {}, np.eye(40), 3, 0)
    apart = replace(domains, sources={"own": own, "other": replace(other, groups=groups + 100)})
    shared = replace(domains, sources={"own": own, "other": other})
    assert measured_by_others(apart, "own", {"other"})["others_accuracy"].value > 0.85
    assert measured_by_others(shared, "own", {"other"})["others_accuracy"].value < 0.67
    assert measured_by_others(shared, "own", set()) == {}


def test_a_source_alone_is_not_called_the_nearest(backbone):
    assert select_sources(task_of(0, GOOD), backbone).sentence.startswith(
        "Without any target label, good is used: its labels fit its images (0."
    )


def test_renamed_classes_are_not_found_without_target_labels_and_other_sources(backbone):
    assert select_sources(task_of(0, RENAMED), backbone).used == ("renamed",)


def test_the_numbers_of_a_source_are_those_of_its_measures(backbone):
    found = select_sources(task_of(40, GOOD, FAR), backbone)
    good, far = by_name(found)["good"], by_name(found)["far"]
    assert (good.num_images, good.num_classes, good.common_classes) == (170, 5, CLASSES)
    assert (good.name_overlap, good.agreement) == (1.0, 1.0)
    assert good.proxy_a < far.proxy_a
    assert good.mmd < far.mmd
    assert far.proxy_a > 1.9
    assert -0.4 < good.leep < 0
    assert -0.4 < good.nce < 0
    assert good.target_accuracy.value > 0.85
    assert good.own_chance == pytest.approx(0.2, abs=0.01)
    assert good.own_p_value < 1e-20
    assert good.gain.num_rows == 40
    assert "of 40 left-out target images are predicted right" in good.reason


def test_a_distant_source_alone_is_used_without_target_labels_and_doubted(backbone):
    found = select_sources(task_of(0, FAR), backbone)
    assert found.used == ("far",)
    assert found.sentence.endswith(
        "tells its images from the target's almost without a mistake (proxy A-distance 2.00), so that its labels may not "
        "transfer: 20 labeled target images would show it."
    )


def test_a_source_whose_labels_do_not_fit_its_images_is_never_used(backbone):
    found = select_sources(task_of(0, POISONED), backbone)
    assert (found.used, found.choice) == ((), "none")
    assert found.sentence.startswith(
        "Without any target label, no source is used: poisoned, the nearest: its labels do not fit its own images"
    )
    assert found.sentence.endswith("Label some target images.")


def test_a_source_without_a_class_of_the_target_labels_is_not_used(backbone):
    task = task_of(40, rows(np.full(50, 4) - np.arange(50) % 2, "other", seed=8))
    only = np.flatnonzero(task.train.labels < 3)
    found = select_sources(replace(task, train=task.train.take(only)), backbone)
    assert found.used == ()
    assert found.sources[0].reason == "it has no class in common with the target's labels"
    assert (found.sources[0].name_overlap, found.sources[0].agreement) == (0.0, None)


def test_a_source_that_was_left_out_is_noted(backbone):
    left = Finding(code="no-common-class", severity="warning", title='Source "x" is left out.')
    found = select_sources(replace(task_of(40, GOOD), findings=(left,)), backbone)
    assert found.notes == ('Source "x" is left out.',)


def test_the_distance_by_transport_is_measured(backbone):
    found = by_name(select_sources(task_of(40, GOOD, FAR), backbone))
    assert 0 < found["good"].otdd < found["far"].otdd


def test_large_classes_lose_rows_first(backbone):
    lopsided = rows([0] * 100 + [1] * 5 + [2] * 5, "lopsided", seed=3)
    domains = domain_features(task_of(10, lopsided, GOOD), backbone, most_source_rows=40)
    assert np.bincount(domains.sources["lopsided"].labels).tolist() == [10, 5, 5]
    assert len(domains.sources["good"]) == 20
    assert (len(domains.target), len(domains.target_rows)) == (10, 83)


def test_labels_of_unlabeled_and_test_rows_are_not_read(backbone):
    task = task_of(15, GOOD)
    task = replace(task, test=rows(np.arange(30) % 5, seed=11, sealed=True))
    lied = replace(task.unlabeled, hidden_labels=np.arange(len(task.unlabeled)) % 5)
    test = replace(task.test, hidden_labels=(task.test.hidden_labels + 1) % 5)
    assert select_sources(task, backbone) == select_sources(replace(task, unlabeled=lied, test=test), backbone)


def test_few_shots_predict_worse_than_many(backbone):
    good = domain_features(task_of(0, GOOD), backbone).sources["good"]
    one, ten = few_shot_accuracy(good, 1, 0), few_shot_accuracy(good, 10, 0)
    assert 0.3 < one < ten < 1.0
    assert few_shot_accuracy(good, 1_000, 0) == 1.0


def test_a_task_without_a_source_and_one_of_a_single_image_are_refused(backbone):
    task = task_of(40, GOOD)
    with pytest.raises(DataError) as error:
        select_sources(replace(task, source=None), backbone)
    assert str(error.value) == "target has no source to measure. Name one with --source."
    with pytest.raises(DataError) as error:
        select_sources(replace(task, train=task.train.take([0]), unlabeled=None), backbone)
    assert str(error.value) == "target: a source is compared with two target images at least, and there are 1. Add some."


def test_classes_with_curved_boundaries_fit_their_images(backbone):
    rng = np.random.default_rng(1)

    def corners(num, name=""):
        features = rng.uniform(-1, 1, size=(num, 2)).astype(np.float32)
        labels = (features[:, 0] * features[:, 1] > 0).astype(np.int64)
        where = Embeddings(features, name or "target", np.arange(num))
        return ImageSet(where, ("a", "b"), labels, np.arange(num), (name,) * num if name else ())

    source = replace(corners(160, "source"), groups=np.arange(160) + 1_000)
    free = corners(50)
    free = replace(free, hidden_labels=np.full(50, -1))
    task = Task("target", ("a", "b"), free.take([]), unlabeled=free, source=source)
    found = select_sources(task, backbone)
    assert found.used == ("source",)
    assert found.sources[0].own_accuracy.value > 0.9
    assert found.sources[0].proxy_a < 0.7
