from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gradient_contract import assert_cut_at_its_depth, assert_equal, assert_resumes, assert_starts_as_ridge, kinds_of, weights_of

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.training import activations, unlabeled_streams
from headstart.training.settings import Training

KINDS = kinds_of("semi")
TRAINING = Training(epochs=1, batch_size=7, views=2, checkpoint_seconds=1e-9)
"""Four steps on nineteen labeled rows."""
WITH_MEMORY = ["flex_match", "free_match", "mean_teacher", "self_tuning"]
"""Each remembers something of another kind between steps."""


@pytest.fixture(autouse=True)
def _short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabeled_streams, "LEAST_STEPS", 4)


each_method = pytest.mark.parametrize("kind", KINDS)


@each_method
def test_without_unlabeled_pictures_it_is_refused_before_any_work(kind: str, bare: Task, pretrained: Backbone) -> None:
    with pytest.raises(DataError) as caught:
        method_from({"kind": kind}).fit(bare, pretrained, TRAINING)
    assert str(caught.value) == (
        f"{kind} needs unlabeled images, and squares has none. Add a folder unlabeled/, or choose ridge or lp_ft."
    )
    empty = replace(bare, unlabeled=bare.train.take(np.arange(0)))
    with pytest.raises(DataError, match="needs unlabeled images"):
        method_from({"kind": kind}).fit(empty, pretrained, TRAINING)


@each_method
def test_labeled_pictures_come_first_without_smoothing_and_unlabeled_ones_by_their_ratio(kind: str, squares: Task) -> None:
    streams = method_from({"kind": kind, "unlabeled_ratio": 2}).streams(squares)
    assert list(streams) == ["train", "unlabeled"]
    assert streams["train"].images is squares.train
    assert streams["unlabeled"].images is squares.unlabeled
    assert (streams["train"].times, streams["unlabeled"].times, streams["train"].smooth) == (1, 2, False)


@pytest.mark.slow
@each_method
def test_true_labels_of_unlabeled_pictures_change_nothing(kind: str, squares: Task, pretrained: Backbone) -> None:
    assert squares.unlabeled is not None
    told = replace(squares, unlabeled=replace(squares.unlabeled, hidden_labels=np.arange(31) % 3))
    method = method_from({"kind": kind})
    assert_equal(method.fit(squares, pretrained, TRAINING), method.fit(told, pretrained, TRAINING))


@pytest.mark.slow
@each_method
def test_a_single_unlabeled_picture_and_a_class_with_one_label_do(kind: str, squares: Task, pretrained: Backbone) -> None:
    assert squares.unlabeled is not None
    few = replace(squares, train=squares.train.take([0, 1, 2, 8, 9, 14]), unlabeled=squares.unlabeled.take([3]))
    model = method_from({"kind": kind}).fit(few, pretrained, TRAINING)
    assert all(bool(weight.isfinite().all()) for weight in weights_of(model).values())


@pytest.mark.slow
@each_method
def test_unlabeled_pictures_change_the_weights_unless_they_weigh_nothing(kind: str, squares: Task, pretrained: Backbone) -> None:
    assert squares.unlabeled is not None
    fewer = replace(squares, unlabeled=squares.unlabeled.take(np.arange(5)))
    method = method_from({"kind": kind, "unlabeled_weight": 10})
    first, second = (weights_of(method.fit(task, pretrained, TRAINING)) for task in (squares, fewer))
    assert any(not torch.equal(first[name], second[name]) for name in first)
    if kind in ("mix_match", "re_mix_match"):  # they blend unlabeled pictures into labeled ones too
        return
    fairness = {"fairness_weight": 0} if kind == "free_match" else {}
    without = method_from({"kind": kind, "unlabeled_weight": 0, **fairness})
    assert_equal(without.fit(squares, pretrained, TRAINING), without.fit(fewer, pretrained, TRAINING))


@pytest.mark.slow
@each_method
def test_what_is_frozen_sees_every_view_of_every_picture_once(
    kind: str, squares: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    whole = activations.Activations._shown
    monkeypatch.setattr(
        activations.Activations, "_shown", lambda self, start, stop: seen.append(stop - start) or whole(self, start, stop)
    )
    method = method_from({"kind": kind})
    streams = method.streams(squares)
    method.fit(squares, pretrained, TRAINING.model_copy(update={"epochs": 4}))  # so long that two views of each are drawn
    expected = [2 * len(stream.images) for stream in streams.values() for _ in range(1 + len(stream.also))]
    assert sorted(number for number in seen if number > 1) == sorted(expected)


@pytest.mark.slow
@each_method
def test_it_starts_as_ridge_on_labeled_rows_and_is_cut_at_its_depth(kind: str, squares: Task, pretrained: Backbone) -> None:
    method: Any = method_from({"kind": kind})
    assert_starts_as_ridge(method, squares, pretrained, TRAINING)
    assert_cut_at_its_depth(method, squares, pretrained, TRAINING)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WITH_MEMORY)
def test_a_killed_fit_goes_on_to_the_same_weights_with_what_it_remembers(
    kind: str, squares: Task, pretrained: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method: Any = method_from({"kind": kind})
    assert_resumes(method, squares, pretrained, TRAINING, tmp_path, monkeypatch, (2, 5))
