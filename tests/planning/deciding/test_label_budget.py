"""The label budget refits what was chosen, and says what it refitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.steps import Steps
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.planning.deciding import label_budget as module
from headstart.planning.deciding import unlabeled_gain
from headstart.planning.deciding.decide import decide
from headstart.planning.deciding.options import Options


@pytest.fixture
def decided(tmp_path, vectors, ranking):
    """The decision about vectors without a test, some of them unlabeled where that is asked for."""

    def call(num_unlabeled: int = 0, **options):
        task = replace(vectors(), test=None)
        if num_unlabeled:
            rows = np.random.default_rng(5).normal(size=(num_unlabeled, task.train.images.vectors().shape[1])).astype(np.float32)
            free = Embeddings(rows, "free", np.arange(num_unlabeled))
            unknown = np.full(num_unlabeled, UNLABELED)
            task = replace(task, unlabeled=ImageSet(free, task.classes, unknown, 10_000 + np.arange(num_unlabeled)))
        return decide(task, ranking(), Options(**options), Steps(tmp_path / "steps"), minutes=1)[0]

    return call


def test_the_chosen_head_is_refitted_and_its_curve_ends_at_its_out_of_fold_error(decided):
    decision = decided(method="ridge")
    curve = decision.curve
    assert (curve.exact, curve.recipe) == (True, decision.chosen)
    assert [one.factor for one in curve.forecasts] == [1.5, 2.0, 4.0]
    accuracy = next(one.accuracy for one in decision.results if one.name == decision.chosen)
    assert curve.points[-1].error == pytest.approx(1 - accuracy.value)
    assert curve.sentence in decision.reasons
    assert curve.sentence.startswith(f"Twice the labels ({2 * curve.num_labels:,}) would buy ")
    assert curve.sentence.endswith("by refitting the chosen model to parts of the labels.")
    assert (curve.unlabeled.hidden, curve.unlabeled.method, curve.no_unlabeled) == (True, "label_mean", "")


def test_heads_that_take_too_long_are_refitted_to_smaller_parts_and_nothing_is_hidden(decided, monkeypatch):
    for owner in (module, unlabeled_gain):
        monkeypatch.setattr(owner, "seconds_of_head", lambda method, num_rows, backbone: num_rows / 10)
    curve = decided(method="ridge").curve
    assert curve.points[0].num_rows < 0.1 * curve.points[-1].num_rows
    assert curve.unlabeled is None
    assert curve.no_unlabeled.startswith("hiding labels to measure it would take ")


def test_unlabeled_images_that_there_are_are_judged_by_the_candidates(decided):
    curve = decided(num_unlabeled=37).curve
    if curve.unlabeled is None:
        assert curve.no_unlabeled == "no method that learns from the unlabeled images was fitted"
    else:
        assert (curve.unlabeled.hidden, curve.unlabeled.num_unlabeled) == (False, 37)
