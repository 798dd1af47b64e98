"""Cross-validation: every candidate on the same held-out rows, every fold once, and a fit that breaks down is a result."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import TrainingError
from headstart.core.predictions import Predictions
from headstart.core.steps import Steps
from headstart.planning import cross_validation as module
from headstart.planning.cross_validation import (
    FoldRecord,
    combined,
    cross_validate,
    cross_validate_chance,
    fold_inputs,
    is_gradient,
    rows_for,
)
from headstart.planning.plan import Partner
from headstart.training.settings import Training

original = module.fit_rows


@pytest.fixture
def ridge(make_candidate):
    return make_candidate("baseline", "pixels", method={"kind": "ridge", "blocks": "penultimate"}, input_pixels=8)


@pytest.fixture
def small_cnn(make_candidate):
    training = Training(epochs=2, batch_size=16, lr=3e-3, ema=0.5)
    return make_candidate("scratch", "small_cnn", method={"kind": "fine_tune"}, input_pixels=8, training=training)


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path / "steps")


def backbone_for(candidate):
    return load_backbone(candidate.pretrained, "none", candidate.input_pixels)


def test_every_row_is_held_out_once_and_told_apart_by_color(pictures, ridge, steps):
    validated = cross_validate(pictures, ridge, backbone_for(ridge), pictures.folds, steps)
    assert sorted(validated.predictions.names) == sorted(pictures.train.images.name(row) for row in range(43))
    assert validated.result.num_rows == 43
    assert validated.result.num_folds == 5
    assert validated.result.accuracy.value > 0.9
    assert validated.temperature is None


def test_no_row_is_fitted_on_and_held_out_in_one_fold(pictures, ridge, steps, monkeypatch):
    met = []

    def fit_rows(task, rows, *rest):
        met.append(rows)
        return original(task, rows, *rest)

    monkeypatch.setattr(module, "fit_rows", fit_rows)
    cross_validate(pictures, ridge, backbone_for(ridge), pictures.folds, steps)
    for rows, fold in zip(met, pictures.folds, strict=True):
        assert not set(rows.tolist()) & set(fold.held_out.tolist())


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "at"), [("ridge", 0), ("ridge", 4), ("small_cnn", 2)])
def test_a_kill_between_folds_costs_the_open_fold_alone(pictures, request, steps, monkeypatch, tmp_path, kind, at):
    candidate = request.getfixturevalue(kind)
    backbone = backbone_for(candidate)
    whole = cross_validate(pictures, candidate, backbone, pictures.folds, Steps(tmp_path / "other"))
    count = []

    def fit_rows(task, rows, *rest):
        count.append(rows[0])
        if len(count) == at + 1:
            raise KeyboardInterrupt
        return original(task, rows, *rest)

    monkeypatch.setattr(module, "fit_rows", fit_rows)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(pictures, candidate, backbone, pictures.folds, steps)
    again = cross_validate(pictures, candidate, backbone, pictures.folds, steps)
    assert len(count) == 6
    assert again.predictions.names == whole.predictions.names
    np.testing.assert_array_equal(again.predictions.probs, whole.predictions.probs)
    assert again.temperature == whole.temperature
    assert again.result.log_loss == whole.result.log_loss


def test_a_finished_candidate_costs_nothing_again_and_remembers_its_price(pictures, ridge, steps, monkeypatch):
    first = cross_validate(pictures, ridge, backbone_for(ridge), pictures.folds, steps)
    monkeypatch.setattr(module, "fit_rows", None)
    assert cross_validate(pictures, ridge, backbone_for(ridge), pictures.folds, steps).result == first.result
    family = ridge.model_copy(update={"family": "scratch"})
    assert cross_validate(pictures, family, backbone_for(ridge), pictures.folds, steps).result.seconds == first.result.seconds


@pytest.mark.parametrize("error", [TrainingError, np.linalg.LinAlgError])
def test_a_fit_that_breaks_down_is_a_result_and_is_not_tried_again(pictures, small_cnn, steps, monkeypatch, error):
    count = []

    def breaks_down(*_):
        count.append(1)
        raise error("loss became nan at step 3 of 6.")

    monkeypatch.setattr(module, "fit_rows", breaks_down)
    for _ in range(2):
        validated = cross_validate(pictures, small_cnn, backbone_for(small_cnn), pictures.folds, steps)
        assert (validated.result.status, validated.result.reason) == ("failed", "loss became nan at step 3 of 6.")
        assert validated.predictions is None
    assert len(count) == 1


def test_gradient_scores_are_calibrated_and_their_order_kept(pictures, small_cnn, steps):
    validated = cross_validate(pictures, small_cnn, backbone_for(small_cnn), pictures.folds[:2], steps)
    assert is_gradient(small_cnn.method)
    assert validated.temperature > 0
    predictions = validated.predictions
    np.testing.assert_array_equal(predictions.raw_probs.argmax(axis=1), predictions.predicted)
    powered = predictions.raw_probs ** (1 / validated.temperature)
    np.testing.assert_allclose(predictions.probs, powered / powered.sum(axis=1, keepdims=True), atol=1e-9)
    raw = replace(predictions, probs=predictions.raw_probs)
    assert predictions.log_losses.mean() <= raw.log_losses.mean() + 1e-9


def test_smaller_choices_of_rows_are_part_of_larger_ones(pictures, ridge):
    rows = np.arange(3, 40)
    chosen = [rows_for(ridge.model_copy(update={"max_rows": number}), pictures, rows) for number in (5, 11, 37, 99, None)]
    assert [len(one) for one in chosen] == [5, 11, 37, 37, 37]
    for small, large in pairwise(chosen):
        assert set(small) <= set(large) <= set(rows)
        assert (np.diff(small) > 0).all()
    other = replace(pictures, seed=1)
    assert set(rows_for(ridge.model_copy(update={"max_rows": 5}), other, rows)) != set(chosen[0])


@pytest.mark.parametrize(
    "change", [lambda one: one.model_copy(update={"max_rows": 9}), lambda one: one.model_copy(update={"input_pixels": 7})]
)
def test_a_fold_depends_on_the_candidate(pictures, ridge, change):
    backbone = backbone_for(ridge)
    assert fold_inputs(pictures, ridge, backbone, 0) != fold_inputs(pictures, change(ridge), backbone, 0)
    assert fold_inputs(pictures, ridge, backbone, 0) != fold_inputs(pictures, ridge, backbone, 1)
    assert fold_inputs(pictures, ridge, backbone, 0) != fold_inputs(replace(pictures, seed=1), ridge, backbone, 0)


def test_one_held_out_fold_keeps_a_gradient_model(pictures, small_cnn, ridge, steps):
    held = replace(pictures, train=pictures.train.take(range(30)), validation=pictures.train.take(range(30, 43)))
    for candidate, kept in ((small_cnn, True), (ridge, False)):
        backbone = backbone_for(candidate)
        cross_validate(held, candidate, backbone, held.folds, steps)
        folder = steps.folder / steps.stem("fold", fold_inputs(held, candidate, backbone, 0))
        assert (folder / "model" / "model.json").exists() == kept
        assert FoldRecord.from_json(folder.with_suffix(".json").read_text()).failure == ""


def test_chance_knows_the_class_shares_of_the_rows_it_may_see(pictures, ridge):
    validated = cross_validate_chance(pictures, ridge, pictures.folds)
    first = pictures.folds[0]
    counts = np.bincount(pictures.train.labels[first.fit], minlength=3) + 1
    np.testing.assert_allclose(validated.predictions.probs[0], counts / counts.sum())
    assert validated.result.accuracy.value == pytest.approx(17 / 43)


@pytest.fixture
def together(small_cnn):
    partner = Partner(pretrained="pixels", weights="none", input_pixels=8, method={"kind": "ridge", "blocks": "penultimate"})
    return small_cnn.model_copy(update={"family": "transfer", "partners": (partner,)})


@pytest.mark.slow
def test_partners_are_fitted_alone_once_and_averaged_after_their_temperatures(pictures, ridge, small_cnn, together, steps):
    alone = cross_validate(pictures, small_cnn, backbone_for(small_cnn), pictures.folds, steps)
    usual = ridge.model_copy(update={"training": Training()})
    partner = cross_validate(pictures, usual, backbone_for(ridge), pictures.folds, steps)
    done = set(steps.folder.glob("fold-*"))
    both = cross_validate(pictures, together, backbone_for(small_cnn), pictures.folds, steps)
    assert set(steps.folder.glob("fold-*")) == done
    own, other = both.shares
    powered = alone.predictions.probs**own * partner.predictions.probs**other
    np.testing.assert_allclose(both.predictions.probs, powered / powered.sum(axis=1, keepdims=True), atol=1e-8)
    sides = [one.predictions.log_losses.mean() for one in (alone, partner)]
    assert both.predictions.log_losses.mean() < min(sides) + 1e-3
    assert both.temperature == alone.temperature
    calibrated = {"temperature": alone.temperature, "shares": both.shares, "partners": together.partners}
    assert both.calibration == calibrated | {"fold_models": len(pictures.folds)}
    assert both.result.name == "mean of 2: small_cnn from scratch and ridge on raw pixels"


def test_a_mean_of_which_one_side_breaks_down_says_which(pictures, together, steps, monkeypatch):
    def fit_rows(task, rows, candidate, *rest):
        if candidate.pretrained == "pixels":
            raise TrainingError("no fit")
        return original(task, rows, candidate, *rest)

    monkeypatch.setattr(module, "fit_rows", fit_rows)
    validated = cross_validate(pictures, together, backbone_for(together), pictures.folds[:1], steps)
    assert (validated.predictions, validated.result.status, validated.result.reason) == (
        None,
        "failed",
        "ridge on raw pixels: no fit",
    )


def test_a_partner_that_is_trained_has_its_own_training_and_temperature(pictures, ridge, small_cnn, steps):
    validated = [cross_validate(pictures, one, backbone_for(one), pictures.folds[:2], steps) for one in (ridge, small_cnn)]
    both = combined(validated, (0.75, 0.5))
    assert (both.candidate.family, both.result.name) == ("scratch", "mean of 2: ridge on raw pixels and small_cnn from scratch")
    partner = both.calibration["partners"][0]
    assert (partner.training, partner.temperature) == (small_cnn.training, validated[1].temperature)
    assert both.calibration["temperature"] is None
    assert [member.essentials for member in both.candidate.members] == [ridge.essentials, small_cnn.essentials]
    first, second = (one.predictions.probs for one in validated)
    powered = first**0.75 * second**0.5
    np.testing.assert_allclose(both.predictions.probs, powered / powered.sum(axis=1, keepdims=True), atol=1e-8)


def test_predictions_of_other_rows_are_made_again(pictures, ridge, steps):
    expected = cross_validate(pictures, ridge, backbone_for(ridge), pictures.folds, steps).predictions
    stem = steps.stem("fold", fold_inputs(pictures, ridge, backbone_for(ridge), 1))
    path = steps.folder / stem / module.PREDICTIONS
    Predictions.read(path).take(np.arange(3)).write(path)
    again = cross_validate(pictures, ridge, backbone_for(ridge), pictures.folds, steps).predictions
    assert np.array_equal(again.probs, expected.probs)
