from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from two_domains import picture_task, vector_task

from headstart.backbones.loading import load_backbone
from headstart.data.joined import concatenate
from headstart.methods.adapt.source_only import SourceOnly
from headstart.methods.probe.ridge import Ridge
from headstart.training.settings import Training


@pytest.mark.parametrize("labeled", [0, 9])
def test_on_pictures_it_is_ridge_on_all_labeled_rows(labeled):
    task, net = picture_task(labeled), load_backbone("small_cnn", "none", 16, seed=1)
    rows = concatenate(task.source, task.train) if labeled else task.source
    expected = Ridge().fit(replace(task, train=rows), net, Training()).predict(task.test).probs
    np.testing.assert_array_equal(SourceOnly().fit(task, net, Training()).predict(task.test).probs, expected)


@pytest.mark.slow
@pytest.mark.parametrize("width", [2, 7])
def test_unlabeled_rows_are_not_read(width):
    task, vectors = vector_task(width, labeled=9), load_backbone("embeddings")
    first = SourceOnly().fit(task, vectors, Training()).predict(task.test).probs
    second = SourceOnly().fit(replace(task, unlabeled=None), vectors, Training()).predict(task.test).probs
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_target_labels_count_as_rows():
    task, vectors = vector_task(2), load_backbone("embeddings")
    labeled = vector_task(2, labeled=60)
    truth = task.test.hidden_labels
    without, with_labels = (
        (SourceOnly().fit(one, vectors, Training()).predict(task.test).probs.argmax(axis=1) == truth).mean()
        for one in (task, labeled)
    )
    assert with_labels > without + 0.2
