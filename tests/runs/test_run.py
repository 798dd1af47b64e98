"""A run's folder: what it holds, how it is read, and that it holds one fit."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.engines.machine import this_machine
from headstart.core.errors import DataError, PlanError
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.planning import cross_validation, fitting
from headstart.planning.improving.adjustment import Adjustment
from headstart.planning.plan import Plan, Rejected
from headstart.runs.finished import damaged_runs, list_runs
from headstart.runs.run import STAGES, Run
from headstart.runs.workspace import Workspace
from headstart.workflows import fit as workflow
from headstart.workflows.fit import CHOSEN_ON_THEM
from headstart.workflows.fit import fit_and_evaluate as fit

pytestmark = pytest.mark.slow


@pytest.fixture
def task():
    """Feature vectors in two classes with a sealed test set."""
    rng = np.random.default_rng(3)
    labels = (np.arange(84) % 5 < 2).astype(np.int64)
    features = (rng.normal(size=(84, 7)) + 2 * labels[:, None]).astype(np.float32)
    rows = ImageSet(Embeddings(features, "vectors", np.arange(84)), ("low", "high"), labels, np.arange(84))
    test = replace(rows.take(range(61, 84)), sealed=True)
    return Task("vectors", ("low", "high"), rows.take(range(61)), test=test, place="vectors.npz")


def plan_of(kind: str = "ridge", **other) -> Plan:
    return Plan(data="vectors.npz", pretrained="embeddings", weights="none", input_pixels=1, method={"kind": kind}, **other)


def refused(error, call) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_a_fit_is_evaluated_on_the_test_set_and_read_back(task, tmp_path):
    made = fit(task, plan_of(), tmp_path / "run")
    assert made.evaluation.split == "test"
    assert made.evaluation.num_images == 23
    again = Run.load(tmp_path / "run")
    assert again.plan == plan_of()
    assert again.evaluation == made.evaluation
    assert again.predictions.names == tuple(task.test.images.name(row) for row in range(23))
    assert again.predictions.correct.mean() == pytest.approx(made.evaluation.accuracy.value)
    np.testing.assert_allclose(again.model.predict(task.test).probs, again.predictions.probs)
    assert (again.ranking, again.decision, again.findings) == (None, None, None)
    assert again.task_summary.task_fingerprint == task.fingerprint
    assert set(again.seconds) == set(STAGES)
    assert again.environment["packages"]["numpy"] == np.__version__
    assert again.environment["packages"].items() >= this_machine().installed.items()
    assert again.environment["processor"]


def test_peak_memory_is_kept_and_grows_only(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    workspace.write_peak_memory()
    assert not (tmp_path / "env.json").exists()
    workspace.write_environment()
    assert "peak_memory_bytes" not in workspace.run.environment
    for now, kept in ((3_000, 3_000), (2_000, 3_000), (5_000, 5_000)):
        monkeypatch.setattr("headstart.runs.workspace.peak_bytes", lambda now=now: now)
        workspace.write_peak_memory()
        assert workspace.run.environment["peak_memory_bytes"] == kept
    assert workspace.run.environment["python"]


def test_judging_sources_and_adapting_count_as_deciding(tmp_path):
    (tmp_path / "steps").mkdir()
    lines = ("rank-1\t2.000\n", "sources-1\t3.000\n", "adapt-1\t40.000\n", "decide-1\t0.500\n", "fold-1\t7.000\n")
    (tmp_path / "steps" / "log.tsv").write_text("".join(lines))
    assert Run(tmp_path).seconds == {"inspect": 0, "rank": 2.0, "decide": 43.5, "fit": 0, "evaluate": 0}


@pytest.mark.parametrize("name", ["evaluation", "findings", "pool_audit", "rate_curve", "env", "task", "decision"])
def test_a_file_that_was_cut_short_is_named_with_its_folder(task, tmp_path, name):
    fit(task, plan_of(), tmp_path / "run")
    path = tmp_path / "run" / f"{name}.json"
    path.write_text('{"split": "te', encoding="utf-8")
    run = Run.load(tmp_path / "run")
    read = {"env": "environment", "task": "task_summary"}.get(name, name)
    text = refused(PlanError, lambda: getattr(run, read))
    assert text == (
        f"{path}: not valid JSON (Unterminated string starting at: line 1 column 11 (char 10)). Restore or delete it."
    )


def test_the_result_is_what_the_command_prints(task, tmp_path):
    made = fit(task, plan_of(), tmp_path / "run")
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written == made.result
    assert written["verdict"] is None
    assert written["decision"] is None
    assert written["evaluation"]["num_images"] == 23


def test_without_a_test_set_the_evaluation_is_out_of_fold_and_says_so(task, tmp_path):
    made = fit(replace(task, test=None), plan_of(), tmp_path / "run")
    assert made.evaluation.split == "out of fold"
    assert made.evaluation.num_images == 61
    assert "was predicted by a model that was fitted without it" in made.evaluation.protocol


@pytest.mark.parametrize(
    ("how", "chosen"), [({"verdict": "not judged"}, False), ({"rejected": (Rejected(candidate="other", reason="worse"),)}, True)]
)
def test_a_plan_that_was_chosen_among_others_on_the_same_images_says_so(task, tmp_path, how, chosen):
    made = fit(replace(task, test=None), plan_of().model_copy(update=how), tmp_path / "run")
    assert (CHOSEN_ON_THEM in made.evaluation.protocol) is chosen


def test_an_adjusted_plan_was_chosen_on_the_same_images(task, tmp_path):
    adjustment = Adjustment(parent="before", minutes=None, plan=plan_of(), trials=(), advice=())
    Workspace(tmp_path / "run").write(adjustment)
    assert CHOSEN_ON_THEM in fit(replace(task, test=None), plan_of(), tmp_path / "run").evaluation.protocol


def test_a_second_start_reads_what_the_first_one_made(task, tmp_path, monkeypatch):
    first = fit(task, plan_of(), tmp_path / "run").evaluation
    monkeypatch.setattr(fitting, "fit_rows", None)
    monkeypatch.setattr(workflow, "evaluate", None)
    assert fit(task, plan_of(), tmp_path / "run").evaluation == first


@pytest.mark.parametrize("name", ["evaluate", "fit_plan"])
def test_a_kill_before_or_in_the_evaluation_gives_the_same_and_fits_once(task, tmp_path, monkeypatch, name):
    whole = fit(task, plan_of(), tmp_path / "whole").evaluation
    fits = []
    monkeypatch.setattr(fitting, "fit_rows", lambda *given: fits.append(1) or cross_validation.fit_rows(*given))
    with monkeypatch.context() as patch:
        patch.setattr(workflow, name, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            fit(task, plan_of(), tmp_path / "run")
    assert fit(task, plan_of(), tmp_path / "run").evaluation == whole
    assert len(fits) == 1


@pytest.mark.parametrize("name", ["model.json", "head.safetensors", "backbone/card.json", "detector.safetensors"])
def test_a_fit_whose_model_is_no_longer_whole_is_made_again_and_so_is_what_it_said(task, tmp_path, monkeypatch, name):
    pooled = replace(task, unlabeled=replace(task.test, hidden_labels=np.full(23, -1), sealed=False))
    first = fit(pooled, plan_of(), tmp_path / "run")
    told, stamp = first.evaluation, (first.folder / "unlabeled.parquet").stat().st_mtime_ns
    (first.folder / "model" / name).unlink()
    evaluated = []
    real = workflow.evaluate
    monkeypatch.setattr(workflow, "evaluate", lambda *given: evaluated.append(1) or real(*given))
    with monkeypatch.context() as patch:
        patch.setattr(workflow, "fit_plan", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            fit(pooled, plan_of(), tmp_path / "run")
    again = fit(pooled, plan_of(), tmp_path / "run")
    assert len(again.model.predict(task.test)) == 23
    assert (again.evaluation, len(evaluated)) == (told, 1)
    assert (again.folder / "unlabeled.parquet").stat().st_mtime_ns > stamp
    fit(pooled, plan_of(), tmp_path / "run")
    assert len(evaluated) == 1


@pytest.mark.parametrize("changed", ["plan", "data"])
def test_a_second_fit_in_one_folder_is_refused_and_the_first_stays_whole(task, tmp_path, changed):
    folder = tmp_path / "run"
    fit(task, plan_of(), folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    other = (task, plan_of("knn")) if changed == "plan" else (replace(task, seed=1), plan_of())
    assert refused(PlanError, lambda: fit(*other, folder)) == (
        f"{folder} holds the fit of another plan, of data that changed since, or of an earlier version of headstart. "
        "Give another --out, or delete it."
    )
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_folder_without_a_model_is_no_run(tmp_path):
    assert refused(DataError, lambda: Run.load(tmp_path)) == (
        f"{tmp_path} holds no finished run. `headstart runs` lists those there are; an unfinished one goes on with `run`."
    )


def test_runs_are_listed_oldest_first(task, tmp_path):
    for name, age in (("b", 300), ("a", 200), ("c", 100)):
        fit(task, plan_of(), tmp_path / name)
        path = tmp_path / name / "model" / "model.json"
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    (tmp_path / "unfinished" / "model").mkdir(parents=True)
    assert [run.folder.name for run in list_runs(tmp_path)] == ["b", "a", "c"]
    assert list_runs(tmp_path / "none") == []


def test_a_damaged_run_is_named_and_does_not_hide_the_others(task, tmp_path):
    for name in ("whole", "half", "binary"):
        fit(task, plan_of(), tmp_path / name)
    (tmp_path / "half" / "task.json").write_text('{"name": ')
    (tmp_path / "binary" / "plan.toml").write_bytes(b"\xff\xfe\0")
    assert [run.folder.name for run in list_runs(tmp_path)] == ["whole"]
    told = damaged_runs(tmp_path)
    assert told[f"{tmp_path / 'half'}"].startswith(f"{tmp_path / 'half' / 'task.json'}: not valid JSON (")
    assert told[f"{tmp_path / 'binary'}"] == f"{tmp_path / 'binary'}/plan.toml is damaged (not UTF-8 text). Restore or delete it."
    assert len(told) == 2


def test_without_a_place_the_folder_is_named_after_data_and_plan(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {fit(task, plan).folder.name for plan in (plan_of(), plan_of(), plan_of("knn"))}
    assert len(names) == 2
    assert all(name.startswith("vectors-") for name in names)


def test_with_unlabeled_rows_a_run_keeps_what_predictions_for_them_are_worth(task, tmp_path):
    assert fit(task, plan_of(), tmp_path / "without").pool_audit is None
    pool = replace(task.test, hidden_labels=np.full(23, -1), sealed=False)
    pooled = replace(task, unlabeled=pool)
    audit = fit(pooled, plan_of(), tmp_path / "run").pool_audit
    assert (audit.num_held_out, audit.num_pool) == (61, 23)
    assert Run.load(tmp_path / "run").pool_audit == audit
    predicted = Run.load(tmp_path / "run").model.predict(pool).predicted
    assert [one.predicted for one in audit.classes] == pytest.approx([(predicted == 0).mean(), (predicted == 1).mean()])
    (tmp_path / "run" / "pool_audit.json").unlink()
    assert fit(pooled, plan_of(), tmp_path / "run").pool_audit == audit


def test_tested_and_unlabeled_images_are_predicted_with_p_values(task, tmp_path):
    pool = replace(task.test, hidden_labels=np.full(23, -1), sealed=False)
    run = fit(replace(task, unlabeled=pool), plan_of(), tmp_path / "run")
    assert np.array_equal(run.unlabeled.probs, run.model.predict(pool).probs)
    assert np.array_equal(run.unlabeled.p_values, run.model.p_values(pool))
    assert np.array_equal(run.predictions.p_values, run.unlabeled.p_values)
    (tmp_path / "run" / "unlabeled.parquet").unlink()
    assert np.array_equal(fit(replace(task, unlabeled=pool), plan_of(), tmp_path / "run").unlabeled.probs, run.unlabeled.probs)
    assert fit(task, plan_of(), tmp_path / "without").unlabeled is None
