"""Prediction sets and a wanted accuracy of a served model."""

from __future__ import annotations

import pytest

import headstart
from headstart.evaluation.selective import answered_at
from headstart.runs.calibrated import FILE, calibration_in

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
