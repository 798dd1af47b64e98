"""Prediction sets and a wanted accuracy of a served model."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import headstart
from headstart.core.errors import DataError, PlanError
from headstart.evaluation.selective import answered_at
from headstart.runs.calibrated import FILE, Asked, calibration_in
from headstart.serving import versions
from headstart.serving.refusals import RefusedError
from headstart.serving.versions import Stamp, Version
from headstart.serving.wanted import Wanted

pytestmark = pytest.mark.slow


def test_a_served_run_gives_the_sets_of_the_command(server_of, made_run, picture, png, tmp_path):
    (tmp_path / "a.png").write_bytes(png("red", 3))
    wanted = headstart.predict(made_run, tmp_path / "a.png", sets=0.8)[0]["set"]
    client = server_of()
    (row,) = client.post("/predict?sets=0.8", files=[picture("red", seed=3)]).json()["predictions"]
    assert row["set"] == wanted
    (row,) = client.post("/predict", files=[picture("red", seed=3)]).json()["predictions"]
    assert "set" not in row


def test_a_label_below_the_probability_is_withheld(server_of, made_run, picture):
    calibration = calibration_in(made_run)
    assert calibration is not None
    threshold = answered_at(calibration, 0.6).threshold
    (row,) = server_of().post("/predict?at_accuracy=0.6", files=[picture("green", seed=5)]).json()["predictions"]
    assert (row["label"] is None) == (row["probability"] < threshold)
    assert row["best_guess"] == max(row["probs"], key=row["probs"].get)


def test_what_cannot_be_had_is_refused_in_a_sentence(server_of, serving, picture, run_folder):
    answer = server_of().post("/predict?sets=0.999", files=[picture()])
    assert (answer.status_code, answer.json()["code"]) == (422, "not-calibrated")
    assert answer.json()["error"].startswith(
        "Prediction sets of 0.999 need out-of-fold predictions of 999 independent labeled images"
    )
    assert server_of().post("/predict?sets=1.5", files=[picture()]).status_code == 422
    (run_folder / "model" / FILE).unlink()
    (run_folder / "predictions.parquet").unlink()
    answer = serving(run_folder).post("/predict?sets=0.9", files=[picture()])
    assert answer.json()["error"].startswith("This model keeps no out-of-fold predictions, which calibrate prediction sets")


def test_the_rules_that_were_used_last_are_kept_and_refusals_too(monkeypatch):
    plan = SimpleNamespace(without_label_errors=False)
    stand_in = SimpleNamespace(classes=("a",), plan=plan)
    version = Version("", Stamp("model", (0,), None), stand_in, stand_in, {})
    made = []

    def asked_of(*given, at_accuracy, **options):
        made.append(at_accuracy)
        if at_accuracy == 2:
            raise PlanError("no accuracy")
        if at_accuracy == 0.999:
            raise DataError("too few")
        return Asked()

    monkeypatch.setattr(versions, "asked_of", asked_of)
    monkeypatch.setattr(versions, "MOST_RULES", 3)
    for accuracy in (0.5, 0.6, 0.5, 0.7, 0.8, 0.5):  # 0.6 was used the longest ago when 0.8 comes
        version.asked(Wanted(at_accuracy=accuracy))
    assert made == [0.5, 0.6, 0.7, 0.8]
    for accuracy, code in ((2.0, "bad-argument"), (0.999, "not-calibrated")) * 2:
        with pytest.raises(RefusedError) as error:
            version.asked(Wanted(at_accuracy=accuracy))
        assert (error.value.status, error.value.code) == (422, code)
    assert made[4:] == [2.0, 0.999]
    assert len(version.rules) == 3


def test_a_gallery_gives_no_sets(serving, picture, tmp_path):
    from headstart.gallery import Gallery

    gallery = tmp_path / "gallery"
    Gallery.create(gallery, pretrained="pixels")
    client = serving(galleries=(gallery,))
    answer = client.post("/predict?sets=0.9", files=[picture()])
    assert answer.status_code == 422
    assert answer.json()["error"] == (
        "A gallery gives no prediction sets and reaches no wanted accuracy: no image of it was predicted out of fold. Ask a run."
    )
