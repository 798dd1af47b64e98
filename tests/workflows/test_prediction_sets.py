"""Prediction sets and a wanted accuracy: what a run keeps for them, gives and refuses, by command, in Python and in a bundle."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.core.errors import PlanError
from headstart.evaluation.conformal import Calibration, set_rule
from headstart.evaluation.selective import answered_at
from headstart.runs.calibrated import FILE, calibration_in

pytestmark = pytest.mark.slow
CLASSES = ("a", "b", "c")


def vectors(path: Path, count: int, seed: int, split: bool = False, classes: int = 3, apart: float = 1.0) -> str:
    """Overlapping classes of feature vectors."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centers = np.random.default_rng(7).normal(size=(classes, 5)) * apart
    features = (centers[labels] + generator.normal(size=(count, 5))).astype(np.float32)
    given = {"split": np.where(np.arange(count) % 5 == 4, "test", "train")} if split else {}
    np.savez(path, features=features, labels=np.array(CLASSES)[labels], **given)
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    vectors(folder / "data.npz", 211, 0)
    vectors(folder / "split.npz", 211, 0, split=True)
    vectors(folder / "new.npz", 401, 1)
    for name in ("data", "split"):
        headstart.fit(str(folder / f"{name}.npz"), method="ridge", out=folder / name)
    return folder


@pytest.fixture
def runs(made, tmp_path, monkeypatch):
    monkeypatch.chdir(shutil.copytree(made, tmp_path, dirs_exist_ok=True))
    return tmp_path


def test_sets_hold_the_truth_about_as_often_as_was_asked_for_and_the_most_probable_class_comes_first(runs):
    truth = np.load("new.npz")["labels"]
    for name in ("data", "split"):
        rows = headstart.predict(name, "new.npz", sets=0.9)
        assert 0.85 < np.mean([label in row["set"] for label, row in zip(truth, rows, strict=True)]) < 0.96
        for row in rows:
            assert row["set"] == sorted(row["set"], key=lambda one: -row["probs"][one])
            assert not row["set"] or row["set"][0] == row["label"]
    assert all(set(row["set"]) <= set(CLASSES) for row in rows)
    assert "set" not in headstart.predict("data", "new.npz")[0]


def test_other_scores_are_never_empty_and_sets_by_class_are_asked_for(runs):
    run = headstart.Run.load("data")
    assert any(not row["set"] for row in run.predict("new.npz", sets=0.4))
    for score in ("aps", "raps"):
        assert all(row["set"] for row in run.predict("new.npz", sets=0.4, set_score=score))
    truth, rows = np.load("new.npz")["labels"], run.predict("new.npz", sets=0.9, sets_by_class=True)
    for name in CLASSES:
        assert np.mean([name in row["set"] for label, row in zip(truth, rows, strict=True) if label == name]) > 0.8


@pytest.mark.parametrize("asked", [{"set_score": "aps"}, {"sets_by_class": True}])
def test_how_sets_are_made_is_refused_where_none_are_asked_for(runs, asked):
    for more in ({}, {"at_accuracy": 0.5}):
        with pytest.raises(PlanError, match="only where prediction sets are asked for"):
            headstart.predict("data", "new.npz", **asked, **more)


def test_a_run_keeps_a_calibration_with_its_model_and_an_old_run_has_it_from_its_predictions(runs):
    stored = calibration_in(Path("data"))
    assert (runs / "data" / "model" / FILE).exists()
    (runs / "data" / "model" / FILE).unlink()
    derived = calibration_in(Path("data"))
    assert stored is not None
    assert derived is not None
    assert np.array_equal(stored.labels, derived.labels)
    assert np.array_equal(stored.scores["aps"], derived.scores["aps"])


def test_a_run_with_a_test_split_is_calibrated_without_its_labels(runs):
    found = calibration_in(Path("split"))
    assert found is not None
    assert len(found.labels) == sum(np.load("split.npz")["split"] == "train")


def test_a_run_without_out_of_fold_predictions_is_refused(runs, headstart_command):
    (runs / "split" / "model" / FILE).unlink()
    for option in ("--sets", "--at-accuracy"):
        answer = headstart_command("predict", "split", "new.npz", option, "0.9")
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == (
            "error: split keeps no out-of-fold predictions, which calibrate prediction sets and a wanted accuracy: an earlier "
            "version fitted it, or its labels were not cross-validated. Give the command that made it again, without a test "
            "split.\n"
        )


def test_a_run_without_label_errors_calibrates_nothing_and_says_why(runs, headstart_command):
    plan = headstart.Run.load("data").plan.model_copy(update={"without_label_errors": True})
    left = headstart.fit(plan, out="left")
    assert headstart.Run.load("data").evaluation.prediction_sets
    assert left.evaluation.prediction_sets == ()
    assert not (runs / "left" / "model" / FILE).exists()
    assert (runs / "left" / "predictions.parquet").exists()
    assert calibration_in(Path("left")) is None
    answer = headstart_command("predict", "left", "new.npz", "--sets", "0.9")
    assert (answer.code, answer.err) == (
        2,
        "error: left gives no prediction sets and reaches no wanted accuracy, as images whose labels look wrong were left out, "
        "so that its labeled images are no sample of new ones. Correct the labels instead, and run without "
        "--without-label-errors.\n",
    )


def test_labels_are_given_from_the_probability_on_at_which_they_are_right_often_enough(runs, headstart_command):
    calibration = calibration_in(Path("data"))
    assert calibration is not None
    found = answered_at(calibration, 0.7)
    rows = headstart.predict("data", "new.npz", at_accuracy=0.7)
    assert [row["label"] is None for row in rows] == [row["probability"] < found.threshold for row in rows]
    assert all(row["best_guess"] == max(row["probs"], key=row["probs"].get) for row in rows)
    answered = [row["label"] == truth for row, truth in zip(rows, np.load("new.npz")["labels"], strict=True) if row["label"]]
    assert 0 < len(answered) < 401
    assert np.mean(answered) > 0.7
    answer = headstart_command("predict", "data", "new.npz", "--at-accuracy", "0.7", "-o", "out.csv")
    assert answer.code == 0
    assert answer.err == (
        f"out.csv: {len(answered)} labeled, {401 - len(answered)} without a label, "
        f"{sum(row['unknown']['flag'] for row in rows)} flagged as perhaps unknown\n"
        f"Images get a label from a probability of {found.threshold:.3g} on: {found.coverage:.1%} of the labeled images reach "
        f"it, and {found.accuracy:.1%} of these are right out of fold.\n"
    )
    assert "unknown (best guess" in headstart_command("predict", "data", "new.npz", "--at-accuracy", "0.7").out


def test_tables_csv_and_parquet_have_a_column_of_sets(runs, headstart_command):
    expected = [row["set"] for row in headstart.predict("data", "new.npz", sets=0.9)]
    answer = headstart_command("predict", "data", "new.npz", "--sets", "0.9")
    assert answer.code == 0
    assert "set" in answer.out.splitlines()[0]
    assert any(line.endswith(", ".join(expected[0])) for line in answer.out.splitlines())
    lines = headstart_command("predict", "data", "new.npz", "--sets", "0.9", "--json").out.splitlines()
    assert [json.loads(line)["set"] for line in lines] == expected
    headstart_command("predict", "data", "new.npz", "--sets", "0.9", "-o", "out.csv")
    with Path("out.csv").open(encoding="utf-8") as file:
        assert [row["set"].split(";") if row["set"] else [] for row in csv.DictReader(file)] == expected
    headstart_command("predict", "data", "new.npz", "--sets", "0.9", "-o", "out.parquet")
    import pyarrow.parquet as pq

    assert pq.read_table("out.parquet")["set"].to_pylist() == expected


def test_sets_that_say_little_are_told(runs, headstart_command):
    vectors(runs / "noise.npz", 120, 3, apart=0.0)
    headstart.fit("noise.npz", method="ridge", out="noise")
    answer = headstart_command("predict", "noise", "new.npz", "--sets", "0.97", "-o", "out.csv")
    assert (
        "sets hold every class: with these labels the model cannot leave any out at 0.97. Ask for a smaller share" in answer.err
    )
    answer = headstart_command("predict", "data", "new.npz", "--sets", "0.4", "-o", "out.csv")
    assert (
        "sets are empty: labels alone are right more often than 0.4, so that the least sure images are given none." in answer.err
    )
    assert "empty" not in headstart_command("predict", "data", "new.npz", "--sets", "0.4", "--set-score", "aps").err


REFUSED = {
    "--sets 1.5": "sets = 1.5 is not a share of images. Give more than 0 and less than 1, such as 0.9.",
    "--sets 0.999": "Prediction sets of 0.999 need out-of-fold predictions of 999 independent labeled images (those of a group "
    "count once), and this run has 211. Ask for 0.995 or less, or label more images.",
    "--at-accuracy 0": "at_accuracy = 0 is no accuracy to ask for. Give more than 0 and less than 1, such as 0.95.",
    "--at-accuracy 0.995": "An accuracy of 0.995 can be shown with 95 % confidence by 598 independent labeled images or more "
    "(those of a group count once), and this run has 211. Ask for less, or label more images.",
    "--sets 0.9 --adapt tent": "Prediction sets and a wanted accuracy hold for the model as it was fitted, and not once it is "
    "adapted to the images. Leave out adapt.",
    "--sets 0.9 --set-score lak": '"lak" is not a conformity score. Did you mean "lac"? Known: aps, lac, raps.',
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_had_is_one_sentence(runs, headstart_command, words):
    answer = headstart_command("predict", "data", "new.npz", *words.split())
    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {REFUSED[words]}\n")


def test_a_bundle_gives_the_sets_of_its_run(tmp_path, monkeypatch, headstart_command):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name, level in (("dark", 100), ("light", 140)):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for number in range(30):
            pixels = np.clip(generator.normal(level, 60) + generator.normal(0, 20, (12, 12, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "shades" / name / f"{number}.png")
    headstart.fit("shades", method="ridge", pretrained="pixels", out="run")
    headstart.export("run", to="torch", out="bundle")
    expected = headstart.predict("run", "shades", sets=0.8)
    command = [sys.executable, "bundle/predict.py", "shades"]
    rows = [json.loads(line) for line in output_of([*command, "--sets", "0.8"]).splitlines()]
    assert [row["set"] for row in rows] == [row["set"] for row in expected]
    assert "set" not in json.loads(output_of(command).splitlines()[0])
    for share, sentence in (
        ("1", "--sets 1 is not a share of pictures. Give more than 0 and less than 1, such as 0.9."),
        ("0.999", "--sets 0.999 needs more labeled pictures than there were. Give 0.984 or less."),
    ):
        failed = subprocess.run([*command, "--sets", share], capture_output=True, text=True, check=False)
        assert failed.returncode == 2
        assert sentence in failed.stderr


def output_of(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_bundle_s_steps_are_the_thresholds_of_the_rule(runs):
    from headstart.evaluation.conformal import set_steps
    from headstart.export.predicting import least_probability

    found = calibration_in(Path("data"))
    assert found is not None
    for level in (0.5, 0.8, 0.9, 0.95):
        rule = set_rule(found, CLASSES, level)
        assert 1 - least_probability(level, set_steps(found)) == pytest.approx(rule.thresholds[0], abs=1e-12)
    with pytest.raises(ValueError, match="This model was exported without out-of-fold predictions"):
        least_probability(0.9, [])


def test_many_rows_make_few_steps_that_are_never_too_small():
    scores = np.random.default_rng(0).random(5_003)
    rows = np.arange(5_003)
    made = Calibration(rows, rows, scores, scores, {"lac": scores})
    from headstart.evaluation.conformal import set_steps

    steps = set_steps(made)
    assert len(steps) == 1_000
    exact = set_rule(made, CLASSES, 0.9).thresholds[0]
    coarse = next(threshold for level, threshold in steps if level >= 0.9)
    assert exact <= coarse < exact + 0.002
