"""The first model of a run: there soon, taken up after a kill, and replaced by the final one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs_made import kill_at, outcome, refused, write_pictures, write_vectors

from headstart.core.errors import DataError
from headstart.runs import in_progress, workspace
from headstart.runs.finished import list_runs
from headstart.runs.run import Run
from headstart.runs.unfinished import unfinished_runs
from headstart.workflows import decide as deciding
from headstart.workflows import fit as fitting_runs
from headstart.workflows.run import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return write_vectors(tmp_path_factory.mktemp("data") / "vectors.npz")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "squares")


def test_a_run_that_is_killed_after_its_first_model_predicts_and_goes_on(pictures, tmp_path, monkeypatch, headstart_command):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEADSTART_QUIET")
    words = ("run", pictures, "--pretrained", "efficientnet_lite0", "--only", "transfer", "--minutes", "30", "-o")
    whole = headstart_command(*words, tmp_path / "whole")
    assert whole.code == 0, whole.err
    with monkeypatch.context() as patch:
        kill_at(patch, deciding, "rank", 1)
        killed = headstart_command(*words, tmp_path / "run")
    assert killed.code == 130
    first = Run(tmp_path / "run").first
    assert f"{first.sentence} Usable now: headstart predict {tmp_path / 'run'} NEW_IMAGES" in killed.err
    assert first.accuracy.value > 0.8
    picture = next(Path(pictures, "red").iterdir())
    answer = headstart_command("predict", tmp_path / "run", picture, "--json")
    assert json.loads(answer.out)["label"] == "red"
    assert f"{tmp_path / 'run'} is unfinished: its first model predicts. `headstart run` goes on with it." in answer.err
    assert refused(DataError, lambda: Run.load(tmp_path / "run")).startswith(f"{tmp_path / 'run'} holds no finished run.")
    assert list_runs(tmp_path) == [Run(tmp_path / "whole")]
    resumed = headstart_command(*words, tmp_path / "run")
    assert resumed.code == 0
    assert "First model" not in resumed.err
    assert outcome(tmp_path / "run")[:2] == outcome(tmp_path / "whole")[:2]
    assert not (tmp_path / "run" / "first_model").exists()
    assert Run(tmp_path / "run").result["seconds"]["first_model"] == first.seconds
    assert "unfinished" not in headstart_command("predict", tmp_path / "run", picture).err


def test_a_first_model_that_was_cut_off_is_made_again(vectors, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    with monkeypatch.context() as patch:
        kill_at(patch, workspace.Workspace, "write_first_model", 1)
        with pytest.raises(KeyboardInterrupt):
            run(vectors, minutes=1, out=tmp_path / "run")
    assert not Run(tmp_path / "run").has_first_model
    with monkeypatch.context() as patch:
        kill_at(patch, deciding, "rank", 1)
        with pytest.raises(KeyboardInterrupt):
            run(vectors, minutes=1, out=tmp_path / "run")
    assert Run.load(tmp_path / "run", first=True).model.classes == ("high", "low")


def test_nothing_is_fitted_first_where_a_method_is_asked_for(vectors, tmp_path, monkeypatch):
    kill_at(monkeypatch, deciding, "rank", 1)
    with pytest.raises(KeyboardInterrupt):
        run(vectors, minutes=1, out=tmp_path / "run", method="logistic")
    assert Run(tmp_path / "run").first is None
    assert not Run(tmp_path / "run").has_first_model


def test_the_first_model_of_a_run_from_scratch_has_no_network(pictures, tmp_path, monkeypatch):
    kill_at(monkeypatch, deciding, "_decided", 1)
    with pytest.raises(KeyboardInterrupt):
        run(pictures, minutes=1, out=tmp_path / "run", only="scratch")
    assert Run(tmp_path / "run").first.name == "ridge on raw pixels"
    assert Run.load(tmp_path / "run", first=True).model.classes == ("blue", "green", "red")


def test_a_run_says_what_it_does_while_it_is_made_and_what_ended_it(vectors, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    folder, seen = tmp_path / "runs" / "run", []
    write = in_progress.write_atomically
    monkeypatch.setattr(
        in_progress, "write_atomically", lambda path, text, **_: (write(path, text), seen.append(json.loads(text)))
    )
    with monkeypatch.context() as patch:
        kill_at(patch, fitting_runs, "fit_plan", 1)
        with pytest.raises(KeyboardInterrupt):
            run(vectors, minutes=1, out=folder)
    (left,) = unfinished_runs(tmp_path / "runs")
    assert (left.state, left.doing.ended) == ("interrupted; its first model predicts", "interrupted")
    assert left.advice == f"headstart run {vectors} -o {folder}"
    assert left.doing.num_tried > 1
    assert left.doing.accuracy.value > 0.5
    tried = {one["stage"] for one in seen}
    assert {"fitting the first model", "inspecting", "ranking", "deciding", "fitting"} < tried
    assert left.doing.best in tried
    run(vectors, minutes=1, out=folder)
    assert unfinished_runs(tmp_path / "runs") == []
    assert not (folder / "progress.json").exists()
