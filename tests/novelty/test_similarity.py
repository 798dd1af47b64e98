from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.data.images import Embeddings, ImageSet
from headstart.novelty import similarity as module
from headstart.novelty.similarity import familiarity, similarity

RNG = np.random.default_rng(19)


def image_set(rows) -> ImageSet:
    at = np.arange(len(rows))
    return ImageSet(Embeddings(np.asarray(rows, np.float32), "set", at), ("a", "b"), np.full(len(rows), -1), at)


def test_it_is_the_corrected_cosine_with_the_best_row():
    target, source = RNG.normal(size=(13, 4)), RNG.normal(size=(5, 4))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (target, source)]
    cosines = unit[0] @ unit[1].T
    common = np.sort(cosines, axis=0)[-10:].mean(axis=0)
    assert np.allclose(similarity(target, source), (2 * cosines - common).max(axis=1))


def test_blocks_give_what_the_whole_gives(monkeypatch):
    target, source = RNG.normal(size=(7, 4)), RNG.normal(size=(11, 4))
    whole = similarity(target, source)
    monkeypatch.setattr(module, "BLOCK_VALUES", 21)
    assert np.allclose(similarity(target, source), whole)
    assert np.allclose(similarity(target * 3.0, source * 0.1), whole)


def test_images_of_an_unknown_class_are_less_familiar_in_a_shifted_domain():
    centers = RNG.normal(size=(6, 20)) * 1.5
    labels = np.arange(240) % 6
    target = centers[labels] + RNG.normal(size=(240, 20)) + 5.0
    known = np.arange(200) % 4
    source = centers[known] + RNG.normal(size=(200, 20))
    probs = np.full((240, 2), 0.5)
    found = familiarity(image_set(target), image_set(source), load_backbone("embeddings", "pretrained", 0, 0), probs)
    assert roc_auc_score(labels < 4, found) > 0.85
    assert ((found > 0) & (found <= 1)).all()


def test_a_sure_answer_is_more_familiar_than_an_unsure_one():
    rows = np.repeat(RNG.normal(size=(1, 5)), 2, axis=0)
    probs = np.array([[0.5, 0.5], [0.9, 0.1]])
    found = familiarity(image_set(rows), image_set(rows), load_backbone("embeddings", "pretrained", 0, 0), probs)
    assert found[0] < found[1]


def test_no_rows_are_refused():
    with pytest.raises(DataError) as error:
        similarity(np.zeros((0, 3)), np.zeros((4, 3)))
    assert str(error.value) == "Likeness needs rows of both domains, and these have 0 and 4."
