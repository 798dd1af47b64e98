from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from two_domains import picture_task, vector_task

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.evaluation.protocols import evaluate
from headstart.features.extract import features_of
from headstart.methods.adapt.ada_bn import AdaBN
from headstart.methods.adapt.source_only import SourceOnly
from headstart.training.batch_statistics import with_statistics_of
from headstart.training.settings import Training


def net():
    return load_backbone("small_cnn", "none", 16, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("labeled", [0, 9])
def test_pictures_of_another_brightness_are_told_apart(labeled):
    task = picture_task(labeled)
    model = AdaBN(prior_rows=0).fit(task, net(), Training(seed=1))
    assert evaluate(model, task.test)[0].metrics["accuracy"].value > 0.9


@pytest.mark.slow
def test_the_target_s_own_statistics_normalize_it():
    task = picture_task()
    model = AdaBN(prior_rows=0).fit(task, net(), Training(seed=5))
    expected = with_statistics_of(net(), task.unlabeled, 0, 5)
    assert model.backbone.weights_hash == expected.weights_hash
    seen, wanted = (np.asarray(features_of(task.test, each).penultimate) for each in (model.backbone, expected))
    np.testing.assert_array_equal(seen, wanted)


@pytest.mark.slow
def test_statistics_that_count_for_very_many_pictures_stay_as_they_are():
    task = picture_task()
    expected = SourceOnly().fit(task, net(), Training()).predict(task.test).probs
    found = AdaBN(prior_rows=100_000).fit(task, net(), Training()).predict(task.test).probs
    assert np.abs(found - expected).max() < 0.05


def test_looking_at_pictures_again_is_what_it_takes():
    assert AdaBN().predicted_seconds(picture_task(), net(), Training()) > 0


def test_what_it_cannot_do_is_refused():
    with pytest.raises(PlanError, match="made holds feature vectors, and ada_bn trains on pictures"):
        AdaBN().fit(vector_task(), load_backbone("embeddings"), Training())
    task = picture_task()
    with pytest.raises(DataError) as error:
        AdaBN().fit(replace(task, unlabeled=task.unlabeled.take([3])), net(), Training())
    assert str(error.value) == "made has 1 target images, and ada_bn needs two. Give more of them."
