from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError, PlanError
from headstart.core.rows import linear_scores
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.heads.ridge import fit_ridge
from headstart.methods import METHODS, method_from
from headstart.methods.base import GradientMethod
from headstart.methods.model import Model
from headstart.training import activations, loop
from headstart.training.batches import Batches
from headstart.training.settings import Training
from headstart.training.unlabeled_streams import LEAST_STEPS

KINDS = [
    kind
    for kind in METHODS.names()
    if METHODS.get(kind).__module__.startswith("headstart.methods.semi.") and METHODS.get(kind).cost == "gradient"
]
TRAINING = Training(epochs=1, batch_size=7, views=2, checkpoint_seconds=1e-9)
"""Three steps on nineteen labeled rows."""
WITH_MEMORY = ["flex_match", "free_match", "mean_teacher", "self_tuning"]
"""Each remembers something of another kind between steps."""

each_method = pytest.mark.parametrize("kind", KINDS)


class KilledError(Exception):
    """Stands for a kill."""


def weights_of(model: Model) -> dict[str, torch.Tensor]:
    head = {name: torch.from_numpy(np.asarray(array)) for name, array in model.head.arrays().items()}
    return head | model.backbone.module.state_dict()


def assert_equal(first: Model, second: Model) -> None:
    one, other = weights_of(first), weights_of(second)
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_the_methods_are_those_of_the_papers() -> None:
    assert set(KINDS) == {
        "ada_match",
        "auxiliary_balanced_classifier",
        "debias_match",
        "fix_match",
        "flex_match",
        "free_match",
        "mean_teacher",
        "mix_match",
        "pi_model",
        "pseudo_label",
        "re_mix_match",
        "self_tuning",
        "soft_match",
        "uda",
    }


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


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        *[(kind, "unlabeled_ratio", value) for kind in KINDS for value in (0, 8)],
        *[(kind, "unlabeled_weight", -0.1) for kind in KINDS],
        *[(kind, "threshold", value) for kind in ("fix_match", "flex_match", "uda", "debias_match") for value in (-0.1, 1)],
        *[(kind, "threshold", 1) for kind in ("auxiliary_balanced_classifier",)],
        *[("ada_match", "threshold", value) for value in (-0.1, 1.1)],
        *[(kind, "decay", value) for kind in ("mean_teacher", "free_match", "soft_match") for value in (-0.1, 1)],
        *[(kind, "temperature", value) for kind in ("mix_match", "re_mix_match", "uda") for value in (0.05, 1.1)],
        *[(kind, "alpha", value) for kind in ("mix_match", "re_mix_match") for value in (0, 2.1)],
        ("re_mix_match", "anchor_weight", 11),
        ("self_tuning", "width", 4),
        ("self_tuning", "keys_per_class", 0),
        ("self_tuning", "temperature", 0),
        ("free_match", "fairness_weight", 1.1),
        ("debias_match", "strength", 2.1),
        ("fix_match", "depth", "deep"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(kind: str, field: str, value: Any) -> None:
    with pytest.raises(PlanError, match=field):
        method_from({"kind": kind, field: value})


@each_method
def test_before_the_first_step_it_predicts_as_ridge_on_labeled_rows_does(kind: str, squares: Task, pretrained: Backbone) -> None:
    method = method_from({"kind": kind})
    assert isinstance(method, GradientMethod)
    learner: Any = method._built(squares, pretrained, TRAINING)
    features = features_of(squares.train, pretrained).penultimate
    fit = fit_ridge(np.asarray(features), squares.train.labels, 3, groups=squares.train.groups)
    expected = linear_scores(np.asarray(features), fit.weight, fit.bias) / fit.temperature
    with torch.no_grad():
        np.testing.assert_allclose(learner.head(torch.tensor(np.asarray(features, np.float32))), expected, atol=1e-3)


@each_method
def test_labeled_pictures_come_first_without_smoothing_and_unlabeled_ones_by_their_ratio(kind: str, squares: Task) -> None:
    streams = method_from({"kind": kind, "unlabeled_ratio": 2}).streams(squares)
    assert list(streams) == ["train", "unlabeled"]
    assert streams["train"].images is squares.train
    assert streams["unlabeled"].images is squares.unlabeled
    assert (streams["train"].times, streams["unlabeled"].times, streams["train"].smooth) == (1, 2, False)


@each_method
def test_true_labels_of_unlabeled_pictures_change_nothing(kind: str, squares: Task, pretrained: Backbone) -> None:
    assert squares.unlabeled is not None
    told = replace(squares, unlabeled=replace(squares.unlabeled, hidden_labels=np.arange(31) % 3))
    method = method_from({"kind": kind})
    assert_equal(method.fit(squares, pretrained, TRAINING), method.fit(told, pretrained, TRAINING))


@each_method
def test_a_single_unlabeled_picture_and_a_class_with_one_label_do(kind: str, squares: Task, pretrained: Backbone) -> None:
    assert squares.unlabeled is not None
    few = replace(squares, train=squares.train.take([0, 1, 2, 8, 9, 14]), unlabeled=squares.unlabeled.take([3]))
    model = method_from({"kind": kind}).fit(few, pretrained, TRAINING)
    assert all(bool(weight.isfinite().all()) for weight in weights_of(model).values())


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


@pytest.mark.parametrize("kind", WITH_MEMORY)
def test_a_killed_fit_goes_on_to_the_same_weights_with_what_it_remembers(
    kind: str, squares: Task, pretrained: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_PAUSE", 0.0)
    method = method_from({"kind": kind})
    training = TRAINING.model_copy(update={"epochs": 3})
    undisturbed = method.fit(squares, pretrained, training)
    whole, calls = type(method).losses, [0]

    def killing(self: Any, learner: Any, given: Any, progress: float) -> Any:
        calls[0] += 1
        if calls[0] in (3, 7):
            raise KilledError
        return whole(self, learner, given, progress)

    with monkeypatch.context() as patch:
        patch.setattr(type(method), "losses", killing)
        for _ in range(2):
            with pytest.raises(KilledError):
                method.fit(squares, pretrained, training, tmp_path)
        resumed = method.fit(squares, pretrained, training, tmp_path)
    assert calls[0] == 3 * LEAST_STEPS + 2  # no step is done twice
    assert_equal(resumed, undisturbed)


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
    method.fit(squares, pretrained, TRAINING)
    expected = [2 * len(stream.images) for stream in streams.values() for _ in range(1 + len(stream.also))]
    assert sorted(number for number in seen if number > 1) == sorted(expected)


@each_method
def test_the_learner_is_cut_at_the_depth_and_batches_hold_activations(kind: str, squares: Task, pretrained: Backbone) -> None:
    method = method_from({"kind": kind})
    assert isinstance(method, GradientMethod)
    (stage,) = method.stages(pretrained)
    learner: Any = method._built(squares, pretrained, TRAINING)
    boundary = learner.freeze_up_to(stage)
    for name, stream in method.streams(squares).items():
        made = Batches(name, stream, learner.transform(), TRAINING, None, boundary).at(0, torch.device("cpu"))
        assert made.images.shape == (7 * stream.times, *boundary.shape)
        assert [images.shape for images in made.also] == [made.images.shape] * len(stream.also)
