"""The final fit: a plan is its candidate, a held-out model is that of the fold, and a frozen network gets the detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import ExportError, PlanError, TrainingError
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.planning import cross_validation, fitting
from headstart.planning.fitting import candidate_of, costs_little, fit_plan, out_of_fold, with_detector
from headstart.planning.plan import Partner, Plan
from headstart.training.settings import Training


@pytest.fixture
def make_plan():
    def make(**other) -> Plan:
        values = {"pretrained": "pixels", "weights": "none", "input_pixels": 8}
        values |= {"method": {"kind": "ridge", "blocks": "penultimate"}}
        return Plan(data="squares", **{**values, **other})

    return make


@pytest.fixture
def tuned(make_plan):
    training = Training(epochs=2, batch_size=16, lr=3e-3, ema=0.5)
    return make_plan(pretrained="small_cnn", method={"kind": "fine_tune"}, training=training, temperature=1.5, hold_out=True)


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path / "steps")


def refused(error, call) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("pretrained", "weights", "family"),
    [
        ("net", "pretrained", "transfer"),
        ("net", "net.pth", "transfer"),
        ("pixels", "none", "baseline"),
        ("small_cnn", "none", "scratch"),
    ],
)
def test_a_plan_is_fitted_as_its_candidate_was_cross_validated(make_plan, make_candidate, pretrained, weights, family):
    method = {"kind": "fine_tune"} if family == "scratch" else {"kind": "ridge", "blocks": "penultimate"}
    plan = make_plan(pretrained=pretrained, weights=weights, max_rows=13, method=method)
    candidate = make_candidate(
        family, pretrained, weights=weights, input_pixels=8, method=plan.method, training=plan.training, max_rows=13
    )
    assert candidate_of(plan) == candidate
    assert candidate_of(Plan.from_toml(plan.to_toml())).essentials == candidate.essentials


def test_the_model_is_fitted_on_all_rows_and_carries_the_temperature(pictures, make_plan, steps, tmp_path, monkeypatch):
    met = []
    monkeypatch.setattr(
        fitting, "fit_rows", lambda task, rows, *rest: met.append(rows) or cross_validation.fit_rows(task, rows, *rest)
    )
    fit_plan(pictures, make_plan(temperature=2.5), tmp_path / "model", steps, tmp_path / "work")
    assert met[0].tolist() == list(range(43))
    assert Model.load(tmp_path / "model").temperature == 2.5


def test_a_model_from_before_is_replaced_whole(pictures, make_plan, steps, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "left.over").write_text("old")
    fit_plan(pictures, make_plan(), tmp_path / "model", steps, tmp_path / "work")
    assert not (tmp_path / "model" / "left.over").exists()


def test_a_held_out_model_is_that_of_the_fold(pictures, tuned, steps, tmp_path, monkeypatch):
    held = replace(pictures, train=pictures.train.take(range(30)), validation=pictures.train.take(range(30, 43)))
    backbone = load_backbone("small_cnn", "none", 8)
    validated = cross_validation.cross_validate(held, candidate_of(tuned), backbone, held.folds, steps)
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    fit_plan(held, tuned, tmp_path / "model", steps, tmp_path / "work")
    model = Model.load(tmp_path / "model")
    assert model.temperature == 1.5
    predictions = model.predict(held.validation)
    np.testing.assert_allclose(predictions.raw_probs, validated.predictions.raw_probs, atol=1e-6)


def test_a_held_out_plan_without_a_fold_model_is_fitted_on_the_same_rows(pictures, tuned, steps, tmp_path, monkeypatch):
    met, fit_rows = [], cross_validation.fit_rows
    monkeypatch.setattr(cross_validation, "fit_rows", lambda task, rows, *rest: met.append(rows) or fit_rows(task, rows, *rest))
    fit_plan(pictures, tuned, tmp_path / "model", steps, tmp_path / "work")
    np.testing.assert_array_equal(met[0], pictures.folds[0].fit)


@pytest.mark.parametrize("temperature", [0.0, -0.25])
def test_a_temperature_that_makes_no_sense_is_told_before_the_fit(pictures, make_plan, steps, tmp_path, monkeypatch, temperature):
    monkeypatch.setattr(fitting, "fit_rows", None)
    plan = make_plan(temperature=temperature)
    assert refused(PlanError, lambda: fit_plan(pictures, plan, tmp_path / "model", steps, tmp_path)) == (
        f"plan.toml: temperature = {temperature:g} must be above zero. Mend it or delete the line."
    )


def test_shares_of_another_number_of_models_are_told_before_the_fit(pictures, make_plan, steps, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "fit_rows", None)
    plan = make_plan(shares=(0.5, 0.5, 0.1))
    assert refused(PlanError, lambda: fit_plan(pictures, plan, tmp_path / "model", steps, tmp_path)) == (
        "plan.toml: shares holds 3 numbers instead of 1, one for the plan itself and one for each partner. "
        "Mend it or delete the line."
    )


def test_a_folder_that_cannot_be_written_is_told(pictures, make_plan, steps, tmp_path, monkeypatch):
    def save(self, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Model, "save", save)
    place = tmp_path / "model"
    assert refused(ExportError, lambda: fit_plan(pictures, make_plan(), place, steps, tmp_path / "work")) == (
        f"{place}: cannot be written (No space left on device). Choose another folder."
    )


def test_out_of_fold_rows_are_those_of_the_candidate(pictures, make_plan, steps):
    plan = make_plan()
    first = out_of_fold(pictures, plan, steps)
    assert len(first) == 43
    again = cross_validation.cross_validate(
        pictures, candidate_of(plan), load_backbone("pixels", "none", 8), pictures.folds, steps
    )
    np.testing.assert_array_equal(first.probs, again.predictions.probs)


def test_a_fold_that_breaks_down_is_told(pictures, make_plan, steps, monkeypatch):
    def breaks_down(*_):
        raise TrainingError("loss became nan at step 3 of 6.")

    monkeypatch.setattr(cross_validation, "fit_rows", breaks_down)
    text = refused(PlanError, lambda: out_of_fold(pictures, make_plan(), steps))
    assert text == "ridge on raw pixels: loss became nan at step 3 of 6."


def test_partners_are_fitted_to_the_same_rows_and_predict_together(pictures, tuned, steps, tmp_path):
    partner = Partner(pretrained="pixels", weights="none", input_pixels=8, method={"kind": "ridge", "blocks": "penultimate"})
    plan = tuned.model_copy(update={"partners": (partner,), "shares": (1.5, 0.25), "hold_out": False})
    assert Plan.from_toml(plan.to_toml()) == plan
    fit_plan(pictures, plan, tmp_path / "both", steps, tmp_path / "work")
    model = Model.load(tmp_path / "both")
    first, second = (one.predict(pictures.train).probs for one in (replace(model, partners=()), *model.partners))
    powered = first**1.5 * second**0.25
    np.testing.assert_allclose(model.predict(pictures.train).probs, powered / powered.sum(axis=1, keepdims=True), atol=1e-8)
    alone = tmp_path / "alone"
    fit_plan(pictures, candidate_plan(partner), alone, steps, tmp_path / "work")
    np.testing.assert_array_equal(second, Model.load(alone).predict(pictures.train).probs)


def candidate_plan(partner):
    return Plan(data="squares", **partner.model_dump(exclude={"training"}))


def test_a_partner_is_trained_in_its_own_way_to_its_own_rows_and_calibrated(pictures, make_plan, steps, tmp_path):
    training = Training(epochs=1, batch_size=16, lr=3e-3)
    about = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "method": {"kind": "fine_tune"}}
    partner = Partner(**about, training=training, max_rows=30, temperature=2.5)
    plan = make_plan(partners=(partner,), shares=(0.5, 0.5))
    assert Plan.from_toml(plan.to_toml()) == plan
    assert "[training]" not in plan.to_toml().replace("[partners.training]", "")
    fit_plan(pictures, plan, tmp_path / "both", steps, tmp_path / "work")
    own = Model.load(tmp_path / "both").partners[0]
    assert own.temperature == 2.5
    alone = make_plan(**about, training=training, max_rows=30, temperature=2.5)
    fit_plan(pictures, alone, tmp_path / "alone", steps, tmp_path / "work alone")
    expected = Model.load(tmp_path / "alone").predict(pictures.train).probs
    np.testing.assert_allclose(own.predict(pictures.train).probs, expected, atol=1e-6)


def test_what_has_a_trained_partner_costs_much_and_is_judged_by_the_folds_that_exist(pictures, make_plan, steps, monkeypatch):
    about = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "method": {"kind": "fine_tune"}}
    plan = make_plan(partners=(Partner(**about, training=Training(epochs=1, batch_size=16)),), shares=(0.5, 0.5))
    assert (costs_little(make_plan()), costs_little(plan)) == (True, False)
    candidate, backbone = candidate_of(plan), fitting.backbone_of(plan)
    cross_validation.cross_validate(pictures, candidate, backbone, pictures.folds[:1], steps)
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    assert len(out_of_fold(pictures, plan, steps)) == len(pictures.folds[0].held_out)


def test_out_of_fold_an_ensemble_has_the_shares_of_its_plan(pictures, make_plan, steps):
    partner = Partner(
        pretrained="pixels", weights="none", input_pixels=8, method={"kind": "nearest_mean", "blocks": "penultimate"}
    )
    plan = make_plan(partners=(partner,), shares=(1.5, 0.0))
    alone = out_of_fold(pictures, make_plan(), steps)
    powered = alone.probs**1.5
    found = out_of_fold(pictures, plan, steps).probs
    np.testing.assert_allclose(found, powered / powered.sum(axis=1, keepdims=True), atol=1e-8)


def test_a_held_out_mean_takes_the_model_of_the_fold(pictures, tuned, steps, tmp_path, monkeypatch):
    partner = Partner(pretrained="pixels", weights="none", input_pixels=8, method={"kind": "ridge", "blocks": "penultimate"})
    plan = tuned.model_copy(update={"partners": (partner,)})
    one_fold = replace(pictures)
    one_fold.__dict__["folds"] = pictures.folds[:1]
    cross_validation.cross_validate(one_fold, candidate_of(plan), fitting.backbone_of(plan), one_fold.folds, steps)
    met, fit_rows = [], cross_validation.fit_rows
    monkeypatch.setattr(cross_validation, "fit_rows", lambda *given: met.append(given[2].pretrained) or fit_rows(*given))
    fit_plan(one_fold, plan, tmp_path / "model", steps, tmp_path / "work")
    assert met == ["pixels"]
    next(steps.folder.glob("fold-*/model/head.safetensors")).unlink()
    fit_plan(one_fold, plan, tmp_path / "model", steps, tmp_path / "work")
    assert met == ["pixels", "small_cnn", "pixels"]


def test_models_of_folds_stand_for_a_trained_member(pictures, tuned, steps, tmp_path, monkeypatch):
    partner = Partner(pretrained="pixels", weights="none", input_pixels=8, method={"kind": "ridge", "blocks": "penultimate"})
    plan = tuned.model_copy(update={"partners": (partner,), "shares": (0.8, 0.4), "hold_out": False, "fold_models": 2})
    assert Plan.from_toml(plan.to_toml()) == plan
    trained = candidate_of(plan).alone
    backbone = load_backbone("small_cnn", "none", 8)
    cross_validation.cross_validate(pictures, trained, backbone, pictures.folds[:2], steps, keep_models=True)
    monkeypatch.setattr(cross_validation, "fit_rows", None)  # nothing is trained again
    fit_plan(pictures, plan, tmp_path / "model", steps, tmp_path / "work")
    model = Model.load(tmp_path / "model")
    assert model.shares == (0.4, 0.4, 0.4)
    assert [one.backbone.card.name for one in (model, *model.partners)] == ["small_cnn", "small_cnn", "pixels"]
    assert [one.temperature for one in (model, *model.partners[:1])] == [1.5, 1.5]
    for place, one in enumerate((model, *model.partners[:1])):
        rows = pictures.labeled.take(pictures.folds[place].held_out)
        kept = steps.folder / steps.stem("fold", cross_validation.fold_inputs(pictures, trained, backbone, place)) / "model"
        np.testing.assert_allclose(replace(one, partners=(), shares=()).predict(rows).raw_probs,
                                   Model.load(kept).predict(rows).raw_probs, atol=1e-6)  # fmt: skip


def test_models_of_folds_that_were_not_kept_are_fitted_to_the_same_rows(pictures, tuned, steps, tmp_path, monkeypatch):
    met, fit_rows = [], cross_validation.fit_rows
    monkeypatch.setattr(cross_validation, "fit_rows", lambda task, rows, *rest: met.append(rows) or fit_rows(task, rows, *rest))
    plan = tuned.model_copy(update={"hold_out": False, "fold_models": 3})
    fit_plan(pictures, plan, tmp_path / "model", steps, tmp_path / "work")
    assert [rows.tolist() for rows in met] == [fold.fit.tolist() for fold in pictures.folds[:3]]
    np.testing.assert_allclose(Model.load(tmp_path / "model").shares, [1 / 3] * 3)


def test_models_of_folds_are_found_where_another_run_left_them(pictures, tuned, tmp_path, monkeypatch):
    shared, first, second = (tmp_path / name for name in ("shared", "first", "second"))
    plan = tuned.model_copy(update={"hold_out": False, "fold_models": 2})
    candidate, backbone = candidate_of(plan), fitting.backbone_of(plan)
    # What was cross-validated without its models is trained once more, by whoever wants them first.
    cross_validation.cross_validate(pictures, candidate, backbone, pictures.folds[:2], Steps(first / "steps", shared))
    fit_plan(pictures, plan, first / "model", Steps(first / "steps", shared), first / "work")
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    fit_plan(pictures, plan, second / "model", Steps(second / "steps", shared), second / "work")
    kept, found = (Model.load(place / "model").predict(pictures.train).probs for place in (first, second))
    np.testing.assert_array_equal(kept, found)


def test_a_model_of_a_fold_whose_fit_broke_down_is_told(pictures, tuned, steps, tmp_path, monkeypatch):
    def breaks_down(*_):
        raise TrainingError("loss became nan at step 3 of 6.")

    monkeypatch.setattr(cross_validation, "fit_rows", breaks_down)
    plan = tuned.model_copy(update={"hold_out": False, "fold_models": 2})
    fit = lambda: fit_plan(pictures, plan, tmp_path / "model", steps, tmp_path / "work")  # noqa: E731
    assert refused(TrainingError, fit) == "loss became nan at step 3 of 6."
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    assert refused(TrainingError, fit) == "loss became nan at step 3 of 6."


CLASSES = ("red", "green", "blue")


@pytest.fixture
def trained() -> Model:
    backbone = load_backbone("small_cnn", "none", 8, 4)
    return Model(backbone, LinearHead(None, np.zeros((backbone.feature_width, 3), np.float32), np.zeros(3)), 1.0, CLASSES)


@pytest.fixture
def frozen() -> Model:
    backbone = load_backbone("pixels", "none", 8)
    return Model(backbone, LinearHead(None, np.zeros((backbone.feature_width, 3), np.float32), np.zeros(3)), 1.0, CLASSES)


def detecting(model: Model) -> list[bool]:
    parts = [model, *([model.base] if model.base else []), *model.partners]
    return [part.novelty_detector is not None for part in parts]


def test_a_network_that_was_not_trained_gets_it(pictures, trained, frozen):
    untouched = {frozen.backbone.weights_hash}
    assert detecting(with_detector(frozen, pictures, untouched)) == [True]
    assert detecting(with_detector(replace(trained, base=frozen), pictures, untouched)) == [False, True]
    several = with_detector(replace(trained, partners=(trained, frozen, frozen)), pictures, untouched)
    assert detecting(several) == [False, False, True, False]


def test_a_trained_network_gets_it_where_there_is_no_other(pictures, trained):
    assert detecting(with_detector(trained, pictures, set())) == [True]


def test_a_model_without_classes_gets_none(pictures, frozen):
    assert with_detector(frozen, replace(pictures, classes=()), {frozen.backbone.weights_hash}) is frozen


def test_a_fitted_plan_detects_by_its_frozen_partner(pictures, tmp_path):
    training = Training(epochs=1, batch_size=16, lr=3e-3)
    ridge = {"kind": "ridge", "blocks": "penultimate"}
    partner = Partner(pretrained="pixels", weights="none", input_pixels=8, method=ridge)
    about = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "training": training, "partners": (partner,)}
    plan = Plan(data="squares", method={"kind": "fine_tune"}, **about)
    fit_plan(pictures, plan, tmp_path / "model", Steps(tmp_path / "steps"), tmp_path / "work")
    model = Model.load(tmp_path / "model")
    assert detecting(model) == [False, True]
    assert len(model.detector_model.novelty_detector.calibration) == 43


def test_rows_that_were_left_out_of_the_fit_calibrate(pictures, tmp_path):
    training = Training(epochs=1, batch_size=16, lr=3e-3)
    held: Task = replace(pictures, train=pictures.train.take(range(30)), validation=pictures.train.take(range(30, 43)))
    about = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "training": training, "hold_out": True}
    plan = Plan(data="squares", method={"kind": "fine_tune"}, **about)
    fit_plan(held, plan, tmp_path / "model", Steps(tmp_path / "steps"), tmp_path / "work")
    model = Model.load(tmp_path / "model")
    assert (len(model.novelty_detector.rows), len(model.novelty_detector.calibration)) == (30, 13)


def test_where_all_members_are_trained_the_first_fold_calibrates(pictures, tmp_path):
    training = Training(epochs=1, batch_size=16, lr=3e-3)
    about = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "method": {"kind": "fine_tune"}}
    plan = Plan(data="squares", **about, training=training, temperature=1.0, fold_models=2)
    fit_plan(pictures, plan, tmp_path / "model", Steps(tmp_path / "steps"), tmp_path / "work")
    detector = Model.load(tmp_path / "model").novelty_detector
    fold = pictures.folds[0]
    assert (len(detector.rows), len(detector.calibration)) == (len(fold.fit), len(fold.held_out))
