"""Rank: rows, candidates and baselines, restarts, and feature vectors."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from headstart.backbones.catalog import card_of
from headstart.backbones.pretrained import Pretrained
from headstart.core.errors import DataError, PlanError
from headstart.core.steps import Steps
from headstart.data.images import ArrayImages, Embeddings, ImageSet
from headstart.data.task import Task
from headstart.features.feature_set import FeatureSet
from headstart.planning.ranking import rank as module
from headstart.planning.ranking.rank import check_candidates, rank, rows_to_rank


def card(name, accuracy=None, provider="timm", available=True):
    return Pretrained(name=name, provider=provider, architecture=name, source_accuracy=accuracy, available=available)


def image_set(labels, groups=None):
    labels = np.asarray(labels, np.int64)
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (len(labels), 4, 4, 1), np.uint8)
    rows = np.arange(len(labels))
    classes = tuple("abcdef"[: labels.max() + 1])
    return ImageSet(ArrayImages(pixels, "made", rows), classes, labels, rows if groups is None else np.asarray(groups))


@pytest.fixture
def task():
    images = image_set(np.arange(60) % 2)
    return Task("made", images.classes, images, native_pixels=4)


@pytest.fixture
def loads(monkeypatch):
    """Backbones that see the label with a strength by name; the list of those whose features were asked for."""
    strengths = {"strong": 5.0, "weak": 1.0, "pixels": 0.0}
    asked = []

    def load(name, weights, pixels, seed):
        strength = strengths[name] if weights == "pretrained" else 0.0
        return SimpleNamespace(name=name, strength=strength, weights_hash=f"{name}-{weights}", pixels=pixels)

    def extract(images, backbone):
        asked.append(backbone.weights_hash)
        generator = np.random.default_rng(sum(map(ord, backbone.weights_hash)))
        stage = generator.normal(size=(len(images), 5))
        stage[:, 0] += backbone.strength * images.labels
        logits = generator.normal(size=(len(images), 7)) if backbone.strength else None
        return FeatureSet((stage.astype(np.float32),), None, logits, ("late",))

    monkeypatch.setattr(module, "load_backbone", load)
    monkeypatch.setattr(module, "features_of", extract)
    return asked


def test_the_stronger_model_leads_and_baselines_run_along(task, loads):
    ranking = rank(task, [card("weak", 0.8), card("strong", 0.7)])
    assert ranking.candidates[0].name == "strong"
    by_name = {one.name: one for one in ranking.candidates}
    assert set(by_name) == {"strong", "weak", "strong (random initialization)", "pixels"}
    assert [by_name[name].baseline for name in ("strong", "weak", "strong (random initialization)", "pixels")] == [
        False,
        False,
        True,
        True,
    ]
    assert by_name["strong (random initialization)"].pretrained == "strong"
    assert by_name["strong (random initialization)"].weights == "none"
    assert ranking.chosen == ("strong", "weak")
    assert ranking.distinguishable
    assert ranking.num_images == 60
    assert by_name["strong"].estimate.low > 0.5
    assert by_name["strong"].scores["leep"] is not None
    assert by_name["pixels"].scores["leep"] is None


def test_a_restart_computes_nothing_again(task, loads, tmp_path):
    cards = [card("weak"), card("strong")]
    first = rank(task, cards, steps=Steps(tmp_path))
    assert len(loads) == 4
    assert rank(task, cards, steps=Steps(tmp_path)) == first
    assert len(loads) == 4


@pytest.mark.slow
def test_another_seed_is_another_step(task, loads, tmp_path):
    rank(task, [card("strong")], steps=Steps(tmp_path))
    rank(replace(task, seed=1), [card("strong")], steps=Steps(tmp_path))
    assert len(loads) == 6


@pytest.mark.slow
def test_absent_weights_are_left_out_unless_all_are(task, loads):
    names = {one.name for one in rank(task, [card("weak", available=False), card("strong")]).candidates}
    assert "weak" not in names
    assert "weak" in {one.name for one in rank(task, [card("weak", available=False)]).candidates}


def test_networks_without_knowledge_are_no_candidates(task, loads):
    with pytest.raises(PlanError) as caught:
        rank(task, [card("small_cnn", provider="small_cnn"), card("pixels", provider="pixels")])
    assert str(caught.value) == (
        "--pretrained small_cnn and pixels: no model to transfer from, as nothing was learned before. "
        "Name another (`headstart models` lists all), or let `headstart fit` fit this one."
    )
    with pytest.raises(PlanError) as caught:
        rank(task, [])
    expected = "There is no pretrained model to rank. Name one with --pretrained; `headstart models` lists all."
    assert str(caught.value) == expected
    check_candidates(task, [card("pixels", provider="pixels"), card("strong")])


def test_feature_vectors_have_one_candidate_and_no_baseline():
    labels = np.arange(50) % 2
    features = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    features[:, 0] += 4 * labels
    rows = np.arange(50)
    task = Task("made", ("a", "b"), ImageSet(Embeddings(features, "made", rows), ("a", "b"), labels, rows))
    ranking = rank(task, [card_of("efficientnet_lite0")])
    assert [one.name for one in ranking.candidates] == ["embeddings"]
    assert ranking.chosen == ("embeddings",)
    assert ranking.distinguishable


def test_at_most_a_hundred_rows_a_class():
    rows = rows_to_rank(image_set(np.repeat([0, 1], [250, 30])), 0)
    labels = np.repeat([0, 1], [250, 30])[rows]
    assert np.bincount(labels).tolist() == [100, 30]
    assert (np.diff(rows) > 0).all()


def test_one_row_a_group_where_groups_abound():
    groups = np.arange(40) // 2
    rows = rows_to_rank(image_set(np.arange(40) // 20, groups), 0)
    assert len(rows) == len(np.unique(groups[rows])) == 20


def test_few_groups_are_kept_whole():
    assert len(rows_to_rank(image_set(np.arange(40) % 2, np.arange(40) // 10), 0)) == 40


def test_one_class_cannot_be_ranked():
    with pytest.raises(DataError) as caught:
        rows_to_rank(image_set(np.zeros(5, np.int64)), 0)
    assert str(caught.value) == ("Ranking needs labeled images of at least 2 classes and met 1. Label some of another class.")
