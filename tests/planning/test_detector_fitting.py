"""Which network of a model gets the novelty detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.planning.detector_fitting import with_detector
from headstart.planning.fitting import fit_plan
from headstart.planning.plan import Partner, Plan
from headstart.training.settings import Training

CLASSES = ("red", "green", "blue")


@pytest.fixture
def trained() -> Model:
    backbone = load_backbone("small_cnn", "none", 8, 4)
    return Model(backbone, LinearHead(None, np.zeros((backbone.feature_width, 3), np.float32), np.zeros(3)), 1.0, CLASSES)


@pytest.fixture
def frozen() -> Model:
    backbone = load_backbone("pixels", "none", 8)
    return Model(backbone, LinearHead(None, np.zeros((backbone.feature_width, 3), np.float32), np.zeros(3)), 1.0, CLASSES)


def remembering(model: Model) -> list[bool]:
    parts = [model, *([model.base] if model.base else []), *model.partners]
    return [part.novelty_detector is not None for part in parts]


def test_a_network_that_was_not_trained_gets_it(pictures, trained, frozen):
    untouched = {frozen.backbone.weights_hash}
    assert remembering(with_detector(frozen, pictures, untouched)) == [True]
    assert remembering(with_detector(replace(trained, base=frozen), pictures, untouched)) == [False, True]
    several = with_detector(replace(trained, partners=(trained, frozen, frozen)), pictures, untouched)
    assert remembering(several) == [False, False, True, False]


def test_a_trained_network_gets_it_where_there_is_no_other(pictures, trained):
    assert remembering(with_detector(trained, pictures, set())) == [True]


def test_a_model_without_classes_gets_none(pictures, frozen):
    assert with_detector(frozen, replace(pictures, classes=()), {frozen.backbone.weights_hash}) is frozen


def test_a_fitted_plan_can_judge_by_its_frozen_partner(pictures, tmp_path):
    training = Training(epochs=1, batch_size=16, lr=3e-3)
    ridge = {"kind": "ridge", "blocks": "penultimate"}
    partner = Partner(pretrained="pixels", weights="none", input_pixels=8, method=ridge)
    about = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "training": training, "partners": (partner,)}
    plan = Plan(data="squares", method={"kind": "fine_tune"}, **about)
    fit_plan(pictures, plan, tmp_path / "model", Steps(tmp_path / "steps"), tmp_path / "work")
    model = Model.load(tmp_path / "model")
    assert remembering(model) == [False, True]
    assert len(model.detector_model.novelty_detector.calibration) == 43


def test_rows_that_were_left_out_of_the_fit_calibrate(pictures, tmp_path):
    training = Training(epochs=1, batch_size=16, lr=3e-3)
    held: Task = replace(pictures, train=pictures.train.take(range(30)), validation=pictures.train.take(range(30, 43)))
    about = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "training": training, "hold_out": True}
    plan = Plan(data="squares", method={"kind": "fine_tune"}, **about)
    fit_plan(held, plan, tmp_path / "model", Steps(tmp_path / "steps"), tmp_path / "work")
    model = Model.load(tmp_path / "model")
    assert (len(model.novelty_detector.rows), len(model.novelty_detector.calibration)) == (30, 13)
