"""What each source adds by each network."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.data.additions import all_of
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.planning.sources import source_matrix as module
from headstart.planning.sources.source_matrix import pairs_sentence, source_matrix
from headstart.planning.sources.source_ranking import NetworkSources, SourceCell

CLASSES = ("a", "b", "c")
CENTERS = np.random.default_rng(0).normal(size=(3, 8)) * 1.5


def rows(num, name="", seed=1, shuffled=False, shift=0.0, group=0):
    draw = np.random.default_rng(seed)
    labels = np.arange(num) % 3
    features = (CENTERS[labels] + draw.normal(size=(num, 8)) * 1.5 + shift).astype(np.float32)
    labels = draw.permutation(labels) if shuffled else labels
    images = Embeddings(features, name or "target", np.arange(num))
    return ImageSet(images, CLASSES, labels, group + np.arange(num), (name,) * num if name else ())


def task_of(num_labeled):
    target = rows(53)
    source = all_of([rows(97, "good", 2, group=100), rows(89, "poisoned", 3, shuffled=True, shift=2.0, group=300)], CLASSES)
    hidden = target.take(np.arange(num_labeled, 53))
    hidden = ImageSet(hidden.images, CLASSES, np.full(len(hidden), -1), hidden.groups)
    return Task("target", CLASSES, target.take(np.arange(num_labeled)), unlabeled=hidden, source=source)


def candidate(name, baseline=False):
    return RankedCandidate(
        name=name, pretrained="embeddings", weights="pretrained", baseline=baseline, scores={}, rank=1.0, first_probability=1.0,
        estimate=Estimate(value=0.9, low=0.8, high=1.0), seconds=2.0,
    )  # fmt: skip


RANKING = Ranking(
    candidates=(candidate("embeddings"), candidate("random", baseline=True)), chosen=("embeddings",), distinguishable=True,
    sentence="", num_images=40,
)  # fmt: skip


def test_left_out_target_rows_tell_what_each_source_adds():
    (row,) = source_matrix(task_of(15), RANKING)
    good, poisoned = row.cells
    assert (row.network, row.num_rows, good.source, poisoned.source) == ("embeddings", 15, "good", "poisoned")
    assert row.alone < 0.9
    assert good.gain.value > 0.05 > poisoned.gain.value
    assert good.gain.low <= good.gain.value <= good.gain.high
    assert good.target_accuracy > 0.6 > poisoned.target_accuracy
    assert good.proxy_a < poisoned.proxy_a


def test_with_too_few_target_labels_probes_of_the_sources_tell():
    (row,) = source_matrix(task_of(4), RANKING)
    assert (row.alone, row.num_rows, row.cells[0].gain) == (None, 0, None)
    assert row.cells[0].target_accuracy is not None
    assert pairs_sentence([row]) == ""


def test_without_target_labels_the_distance_is_left():
    (row,) = source_matrix(task_of(0), RANKING)
    assert [(cell.gain, cell.target_accuracy) for cell in row.cells] == [(None, None)] * 2
    assert row.cells[0].proxy_a < row.cells[1].proxy_a


def test_its_rows_are_bounded(monkeypatch):
    met = []
    inner = module.domain_features

    def noting(task, backbone, *most):
        met.append(inner(task, backbone, *most))
        return met[-1]

    monkeypatch.setattr(module, "domain_features", noting)
    monkeypatch.setattr(module, "MOST_ROWS", 20)
    monkeypatch.setattr(module, "MOST_SOURCE_ROWS", 34)
    source_matrix(task_of(30), RANKING)
    assert (len(met[0].target), [len(one) for one in met[0].sources.values()]) == (20, [17, 17])


@pytest.mark.parametrize("order", [1, -1])
def test_the_sentence_names_the_pair_that_predicts_best(order):
    def cell(gain):
        return SourceCell(
            source="near", gain=Estimate(value=gain, low=gain - 0.1, high=gain + 0.1), target_accuracy=0.5, proxy_a=1
        )

    matrix = [
        NetworkSources(network="small", alone=0.5, num_rows=40, cells=(cell(0.2),)),
        NetworkSources(network="large", alone=0.7, num_rows=40, cells=(cell(0.05),)),
    ][::order]
    assert pairs_sentence(matrix) == (
        "large with near predicts left-out target images best of 2 pairs: 75.0%, +5.0 points [-5.0, +15.0] by the source, on 40 "
        "images."
    )
