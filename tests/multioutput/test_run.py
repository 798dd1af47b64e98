from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headstart
from headstart.core.errors import DataError, PlanError
from headstart.core.language import language_named
from headstart.multioutput.kinds import KINDS
from headstart.multioutput.model import OutputModel
from headstart.multioutput.reading import read_outputs
from headstart.multioutput.run import OutputRun


@pytest.fixture(scope="module")
def runs(vectors, tmp_path_factory) -> dict[str, OutputRun]:
    folder = tmp_path_factory.mktemp("runs")
    return {kind: headstart.run(place, out=folder / kind, test=0.3) for kind, place in vectors.items()}


def refused(error: type[Exception], call) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(("kind", "metric", "least"), [("several_labels", "mean_average_precision", 0.9), ("numbers", "r2", 0.9)])
def test_a_run_beats_no_image_and_is_judged_by_its_sealed_test(runs, kind, metric, least):
    evaluation = runs[kind].evaluation
    assert (evaluation.split, evaluation.kind) == ("test", kind)
    assert evaluation.num_images == runs[kind].summary.num_test > 20
    assert evaluation.metrics[metric].value > least > evaluation.without_images[metric].value + 0.3
    assert evaluation.gain_over_none.low > 0
    assert runs[kind].decision.verdict == "not judged"  # vectors have no side without transfer


def test_a_finished_run_is_read_and_another_request_refused(runs, vectors):
    run = runs["numbers"]
    before = (run.folder / "result.json").stat().st_mtime_ns
    again = headstart.run(vectors["numbers"], out=run.folder, test=0.3)
    assert again.result == run.result
    assert (run.folder / "result.json").stat().st_mtime_ns == before
    assert "holds a run of another request" in refused(PlanError, lambda: headstart.run(vectors["numbers"], out=run.folder))


def test_a_killed_run_goes_on_to_the_same_numbers(runs, vectors, tmp_path):
    shutil.copytree(runs["several_labels"].folder, tmp_path / "run")
    for name in ("result.json", "evaluation.json", "predictions.parquet"):
        (tmp_path / "run" / name).unlink()
    shutil.rmtree(tmp_path / "run" / "model")
    again = headstart.run(vectors["several_labels"], out=tmp_path / "run", test=0.3)
    assert again.evaluation == runs["several_labels"].evaluation


def test_out_of_fold_stands_for_a_test_that_is_not_there(vectors, tmp_path):
    run = headstart.run(vectors["numbers"], out=tmp_path / "run")
    assert (run.evaluation.split, run.evaluation.num_images) == ("out of fold", 97)
    assert 0.8 < run.evaluation.metrics["interval_coverage"].value < 0.97
    assert run.evaluation.protocol.startswith("97 labeled images, each predicted by a model that was fitted without it (5 folds)")


def test_predictions_of_labels(runs, vectors):
    features = np.load(vectors["several_labels"])["features"]
    rows = headstart.predict(runs["several_labels"], features[:5])
    model = runs["several_labels"].model
    for row in rows:
        assert set(row) == {"path", "labels", "probs"}
        least = dict(zip(model.outputs, model.thresholds, strict=True))
        assert set(row["labels"]) == {name for name, value in row["probs"].items() if value >= least[name]}
    assert headstart.predict(runs["several_labels"], vectors["several_labels"])[2]["probs"] == rows[2]["probs"]


def test_intervals_grow_with_their_level_and_hold_the_number(runs, vectors):
    features = np.load(vectors["numbers"])["features"]
    widths = []
    for level in (0.5, 0.9):
        rows = headstart.predict(runs["numbers"], features[:7], interval=level)
        assert all(row["interval"]["low"] < row["value"] < row["interval"]["high"] for row in rows)
        assert {row["interval"]["level"] for row in rows} == {level}
        widths.append(np.mean([row["interval"]["high"] - row["interval"]["low"] for row in rows]))
    assert widths[0] < widths[1]


def test_a_model_predicts_after_it_was_saved_as_before(runs, tmp_path, vectors):
    model, images = runs["numbers"].model, read_outputs(vectors["numbers"]).images.labeled
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(OutputModel.load(tmp_path / "model").values(images), model.values(images))
    (tmp_path / "model" / "outputs.safetensors").write_bytes(b"")
    assert "holds no whole model" in refused(DataError, lambda: OutputModel.load(tmp_path / "model"))


def test_labels_that_the_run_has_not_met_are_refused(runs, vectors, tmp_path):
    with np.load(vectors["several_labels"]) as content:
        arrays = {name: content[name] for name in content.files}
    name = "labels" if "labels" in arrays else "label"
    arrays[name] = np.array([f"{cell};Nowhere;" if row == 0 else cell for row, cell in enumerate(map(str, arrays[name]))])
    np.savez(tmp_path / "other.npz", **arrays)
    sentence = refused(DataError, lambda: headstart.evaluate(runs["several_labels"], tmp_path / "other.npz"))
    assert 'the label "Nowhere" is none of the run.' in sentence


def test_other_data_are_evaluated(runs, vectors):
    found = headstart.evaluate(runs["numbers"], vectors["numbers"])
    assert (found.num_images, found.split) == (97, "numbers")
    assert found.metrics["r2"].value > 0.9
    assert refused(DataError, lambda: headstart.evaluate(runs["numbers"], vectors["several_labels"])) == (
        "several_labels holds several labels, and the run predicts numbers. Give such data."
    )


def test_verbs_for_classes_refuse_such_runs_and_data_in_one_sentence(runs, vectors):
    folder = runs["numbers"].folder
    sentence = (
        f"{folder} is a run of several labels an image, or of numbers, and one of classes is wanted. `predict`, `evaluate`, "
        "`report`, `export`, `verify` and `serve` take such runs."
    )
    place = vectors["numbers"]
    for call in (
        lambda: headstart.compare(folder, folder),
        lambda: headstart.adjust(folder),
        lambda: headstart.extend(runs["numbers"], place),
        lambda: headstart.watch(folder, place),
        lambda: headstart.stress(folder),
        lambda: headstart.push(folder, folder / "repository"),
        lambda: headstart.track(folder, "tensorboard"),
        lambda: headstart.Run.load(folder),
    ):
        assert refused(DataError, call) == sentence
    for call in (
        lambda: headstart.decide(place),
        lambda: headstart.fit(place, method="ridge"),
        lambda: headstart.label(place, place),
        lambda: headstart.embed(place, folder / "e.npz"),
    ):
        assert refused(DataError, call).startswith("numbers holds numbers, and one class an image is wanted here.")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"method": "ridge"}, "method"),
        ({"members": 2}, "members"),
        ({"per_class": 3}, "per_class"),
        ({"track": "mlflow"}, "track"),
    ],
)
def test_options_for_classes_are_refused(vectors, tmp_path, options, name):
    if name == "track":
        pytest.importorskip("mlflow")
    said = refused(PlanError, lambda: headstart.run(vectors["numbers"], out=tmp_path / "run", **options))
    assert said == f"{name} is for one class an image, and numbers are predicted here. Leave it out."


def test_predict_options_for_classes_and_for_numbers_are_refused(runs, tmp_path, vectors):
    assert refused(PlanError, lambda: headstart.predict(runs["numbers"], np.zeros((1, 11)), sets=0.9)) == (
        "sets is for one class an image, and numbers are predicted here. Leave it out."
    )
    assert refused(DataError, lambda: headstart.predict(runs["several_labels"], np.zeros((1, 11)), interval=0.9)) == (
        "Prediction intervals are for numbers, and this run predicts labels, with a probability each."
    )
    features, labels = np.random.default_rng(0).normal(size=(20, 3)), np.tile(["a", "b"], 10)
    np.savez(tmp_path / "classes.npz", features=features, labels=labels)
    run = headstart.run(tmp_path / "classes.npz", out=tmp_path / "classes")
    assert refused(PlanError, lambda: headstart.predict(run, features, interval=0.9)) == (
        "interval is for a run that predicts numbers, and this one predicts classes. Ask for sets instead."
    )


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"target": np.full(20, 1.5)}, "every target is 1.5, so that there is nothing to learn. Give images that differ."),
        ({"target": 1.5 + 1e-12 * np.arange(20)}, "every target is 1.5, so that there is nothing to learn."),
        ({"target": np.arange(6) + 0.5}, "6 readable images have numbers to learn from, and 10 are needed. Label more."),
        ({"labels": np.array(["a;b;"] * 20)}, "every label is on all images or on none, so that there is nothing to learn."),
        ({"labels": np.array([";", *(f"a{row};" for row in range(11))])}, "no label is on 2 images to learn from."),
    ],
    ids=["constant", "constant but for rounding", "few", "all alike", "each once"],
)
def test_targets_that_teach_nothing_are_refused(tmp_path, told, sentence):
    count = len(next(iter(told.values())))
    np.savez(tmp_path / "d.npz", features=np.random.default_rng(1).normal(size=(count, 3)), **told)
    assert sentence in refused(DataError, lambda: read_outputs(str(tmp_path / "d.npz")))


def test_rare_labels_are_left_out_and_unlabeled_images_are_not_used(tmp_path):
    labels = np.array(["a;b", "a", "b", ";"] * 5 + ["a;rare", ""])
    np.savez(tmp_path / "d.npz", features=np.random.default_rng(1).normal(size=(22, 3)), labels=labels)
    task = read_outputs(str(tmp_path / "d.npz"))
    assert (task.outputs, len(task.targets), task.summary().counts) == (("a", "b"), 21, (11, 10))
    assert [finding.code for finding in task.findings] == ["several-labels", "rare-labels", "unlabeled-unused"]
    assert task.findings[1].title == 'Labels of fewer than 2 images to learn from are not learned: "rare".'


def test_a_number_that_stands_for_an_unknown_one_is_noted(tmp_path):
    ages = np.linspace(20.5, 60.5, 30)
    ages[7] = -999
    np.savez(tmp_path / "d.npz", features=np.random.default_rng(1).normal(size=(30, 3)), target=ages)
    (finding,) = (one for one in read_outputs(str(tmp_path / "d.npz")).findings if one.code == "outlying-numbers")
    assert finding.title == "Numbers lie far from all others (1): one is -999, and half lie in 29.4655 to 50.5."
    ages[7] = 100
    np.savez(tmp_path / "d.npz", features=np.random.default_rng(1).normal(size=(30, 3)), target=ages)
    assert "outlying-numbers" not in [one.code for one in read_outputs(str(tmp_path / "d.npz")).findings]


def codes_of_findings(targets: np.ndarray) -> list[str]:
    return [one.code for one in KINDS.get("numbers")().findings(targets.reshape(-1, 1))]


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.74, 0.8, 0.97])
def test_numbers_that_are_mostly_zero_are_far_only_where_they_are_codes(share):
    rng = np.random.default_rng(1)
    doses = np.where(rng.random(4000) < share, 0.0, rng.exponential(3.0, 4000))
    assert codes_of_findings(doses) == []
    doses[7] = -999
    assert codes_of_findings(doses) == ["outlying-numbers"]
    assert codes_of_findings(np.where(rng.random(4000) < share, 0.0, 1.0)) == []


def test_what_is_said_of_numbers_that_are_mostly_zero():
    doses = np.concatenate([np.zeros(80), np.arange(1.0, 21.0), [-999]])
    (finding,) = KINDS.get("numbers")().findings(doses.reshape(-1, 1))
    assert finding.title == "Numbers lie far from all others (1): one is -999, and most lie in 0 to 15."
    assert (
        language_named("zh").sentence(finding.title)
        == "有些数值与其他数值相差极远（1 个）：其中一个是 -999，而大多数数值在 0 至 15 之间。"
    )


def test_a_feature_column_is_not_predicted_from_itself(tmp_path):
    place, columns = tmp_path / "d.parquet", np.random.default_rng(1).normal(size=(3, 30))
    pq.write_table(pa.table({"f0": columns[0], "f1": columns[1], "age": columns[2]}), place)
    assert refused(DataError, lambda: read_outputs(str(place), numbers="f0")) == (
        f'{place}: the column "f0" tells what numbers are predicted from. Name another one; if it is no feature, rename it '
        "and number the others from f0 on."
    )
    assert read_outputs(str(place), numbers="age").images.labeled.images.vectors().shape == (30, 2)
    np.savez(tmp_path / "d.npz", X=columns[:2].T, age=columns[2])
    assert 'the column "X" tells what numbers are predicted from' in refused(
        DataError, lambda: read_outputs(str(tmp_path / "d.npz"), numbers="X")
    )


def test_a_number_that_is_too_large_is_not_written_out(tmp_path):
    np.savez(tmp_path / "d.npz", features=np.zeros((2, 3)), target=[0.5, 1e150], age=[0.5, 1e150])
    said = refused(DataError, lambda: read_outputs(str(tmp_path / "d.npz"), numbers="age"))
    assert f'{tmp_path}/d.npz, row 1: age = "1e+150" is larger than 1e+100' in said


def test_a_run_on_a_named_column_of_vectors_is_evaluated_and_verified(tmp_path):
    features = np.random.default_rng(1).normal(size=(40, 3))
    np.savez(tmp_path / "d.npz", features=features, labels=np.array(["a", "b"] * 20), age=10 * features[:, 0] + 40)
    run = headstart.run(tmp_path / "d.npz", numbers="age", out=tmp_path / "run")
    assert run.evaluation.metrics["r2"].value > 0.4
    assert headstart.evaluate(run, tmp_path / "d.npz").num_images == 40
    assert headstart.verify(run).same
    assert len(headstart.predict(run, tmp_path / "d.npz")) == 40


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (np.full((20, 1), 0.5), "target has the shape (20, 1), and must be one value a row. Reshape it."),
        (np.full(19, 0.5), "target has 19 values for 20 rows of features. Make them equally long."),
    ],
)
def test_a_target_of_another_shape_is_refused(tmp_path, target, sentence):
    np.savez(tmp_path / "d.npz", features=np.zeros((20, 3)), target=target)
    assert refused(DataError, lambda: read_outputs(str(tmp_path / "d.npz"))) == f"{tmp_path}/d.npz: {sentence}"


@pytest.mark.parametrize("groups", [10, 2])
def test_too_few_numbers_for_intervals_are_evaluated_without(tmp_path, groups):
    rng, count = np.random.default_rng(1), 10 if groups == 10 else 16
    features, group = rng.normal(size=(count, 3)), np.array([f"g{row % groups}" for row in range(count)])
    np.savez(tmp_path / "d.npz", features=features, target=features[:, 0] + 0.01, group=group)
    run = headstart.run(tmp_path / "d.npz", out=tmp_path / "run")
    assert set(run.evaluation.metrics) == {"r2", "mean_absolute_error", "root_mean_squared_error"}
    assert run.predictions.low is None


@pytest.mark.parametrize("kind", ["numbers", "several_labels"])
@pytest.mark.parametrize("given", [True, False])
def test_sealed_targets_decide_no_fold(tmp_path, kind, given):
    rng, split = np.random.default_rng(2), np.array(["train"] * 30 + ["test"] * 30)
    told = rng.normal(size=60) if kind == "numbers" else rng.choice(["a;", "a;b", "b;c", "c;"], size=60)
    arrays = {"features": rng.normal(size=(60, 3))} | ({"split": split} if given else {})
    name = "target" if kind == "numbers" else "labels"
    np.savez(tmp_path / "d.npz", **arrays, **{name: told})
    first = read_outputs(str(tmp_path / "d.npz"), test=None if given else 0.5)
    tested = np.isin(np.arange(60), [int(first.images.test.images.name(row).split("[")[-1].strip("]")) for row in range(30)])
    assert len(first.images.test) == 30
    if not given:
        split[:], split[tested] = "train", "test"
        arrays["split"] = split
    told = np.where(tested, told + 9.5 if kind == "numbers" else "b;c", told)
    np.savez(tmp_path / "d.npz", **arrays, **{name: told})
    second = read_outputs(str(tmp_path / "d.npz"))
    np.testing.assert_array_equal(first.targets, second.targets)
    np.testing.assert_array_equal(first.images.labeled.labels, second.images.labeled.labels)
    for one, other in zip(first.images.folds, second.images.folds, strict=True):
        np.testing.assert_array_equal(one.held_out, other.held_out)


def test_groups_are_whole_in_folds_and_the_test(tmp_path):
    rng = np.random.default_rng(2)
    groups = np.repeat([f"g{number}" for number in range(30)], 3)
    np.savez(tmp_path / "d.npz", features=rng.normal(size=(90, 3)), target=rng.normal(size=90), group=groups)
    task = read_outputs(str(tmp_path / "d.npz"), test=0.2)
    assert not set(task.images.labeled.groups) & set(task.images.test.groups)
    for fold in task.images.folds:
        assert not set(task.images.labeled.groups[fold.fit]) & set(task.images.labeled.groups[fold.held_out])
    assert len(task.targets) == len(task.images.labeled)
    assert len(task.hidden_targets) == len(task.images.test) > 10


def test_the_command_line_runs_predicts_evaluates_and_reports(vectors, tmp_path, headstart_command):
    folder = tmp_path / "run"
    assert headstart_command("run", vectors["numbers"], "--out", folder).code == 0
    assert "Numbers  from" in headstart_command("inspect", vectors["numbers"]).out
    assert headstart_command("rank", vectors["several_labels"]).code == 0
    shown = headstart_command("predict", folder, vectors["numbers"], "--interval", "0.5").out
    assert "interval" in shown
    made = headstart_command("predict", folder, vectors["numbers"], "--out", tmp_path / "rows.csv")
    assert (made.code, made.err.strip().splitlines()[-1]) == (0, f"{tmp_path}/rows.csv: 97 rows")
    with Path(tmp_path / "rows.csv").open() as stream:
        assert list(next(csv.DictReader(stream))) == ["path", "value", "level", "low", "high", "error"]
    evaluated = json.loads(headstart_command("evaluate", folder, "--json").out)
    assert evaluated["kind"] == "numbers"
    assert "coverage at 90 %" in headstart_command("evaluate", folder).out
    (folder / "report.html").unlink()
    assert headstart_command("report", folder).code == 0
    assert "Predicted against true numbers" in (folder / "report.html").read_text()
    refusal = headstart_command("predict", folder, vectors["numbers"], "--sets", "0.9")
    assert (refusal.code, refusal.err.strip()) == (
        2, "error: sets is for one class an image, and numbers are predicted here. Leave it out."
    )  # fmt: skip


def test_finished_runs_are_listed_as_finished(runs, headstart_command):
    folder = runs["numbers"].folder.parent
    found = json.loads(headstart_command("runs", folder, "--json").out)
    assert {Path(row["folder"]).name: row["state"] for row in found} == {"numbers": "finished", "several_labels": "finished"}
    assert "R2 0.9" in headstart_command("runs", folder).out


def test_a_run_predicts_and_evaluates_by_itself(runs):
    assert runs["numbers"].evaluate() == runs["numbers"].evaluation
    (row,) = runs["numbers"].predict(np.zeros((1, 11)), interval=0.5)
    assert row["interval"]["level"] == 0.5


def test_a_fold_whose_scores_are_damaged_or_gone_is_made_again(runs, vectors, tmp_path):
    shutil.copytree(runs["numbers"].folder, tmp_path / "run")
    first, second, *_ = sorted((tmp_path / "run" / "steps").glob("outputs-*/scores.safetensors"))
    first.write_bytes(first.read_bytes()[:-8])
    second.unlink()
    (tmp_path / "run" / "result.json").unlink()
    again = headstart.run(vectors["numbers"], out=tmp_path / "run", test=0.3)
    assert again.evaluation == runs["numbers"].evaluation
