"""Trying that ends early, by Ctrl-C or by the clock: a whole run all the same, which the same command goes on with."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import PlanError
from headstart.core.stopping import WHILE_COMPARING, WHILE_FITTING
from headstart.planning import cross_validation
from headstart.planning.budget import STARTING_SECONDS, budget_of
from headstart.planning.deciding.trials import Trials
from headstart.planning.results import Decision
from headstart.runs.run import Run
from headstart.runs.workspace import Workspace
from headstart.training import loop
from headstart.workflows import decide as deciding
from headstart.workflows import fit as fitting_runs
from headstart.workflows import run as running
from headstart.workflows.run import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def vectors(tmp_path_factory) -> str:
    """A file of feature vectors in two classes."""
    place, rng = tmp_path_factory.mktemp("data") / "vectors.npz", np.random.default_rng(3)
    labels = np.arange(97) % 3 == 0
    features = (rng.normal(size=(97, 7)) + 1.5 * labels[:, None]).astype(np.float32)
    np.savez(place, features=features, labels=np.where(labels, "high", "low"))
    return str(place)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEADSTART_QUIET", raising=False)


def press_at(monkeypatch, owner, name: str, times: int = 1) -> None:
    """Press Ctrl-C where a function is called first."""
    real, calls = getattr(owner, name), []

    def pressing(*args, **named):
        calls.append(1)
        for _ in range(times if len(calls) == 1 else 0):
            signal.raise_signal(signal.SIGINT)
        return real(*args, **named)

    monkeypatch.setattr(owner, name, pressing)


def whole(folder: Path) -> Run:
    """The run, with its model, evaluation and report."""
    assert (folder / "report.html").exists()
    found = Run.load(folder)
    assert found.evaluation.num_images == 97
    return found


@pytest.mark.parametrize(
    ("owner", "name"),
    [(fitting_runs, "inspect"), (deciding, "rank"), (cross_validation, "fit_rows")],
    ids=lambda one: str(one)[-12:],
)
def test_one_interrupt_while_trying_ships_the_first_model_and_the_same_command_goes_on(
    vectors, tmp_path, monkeypatch, capsys, owner, name
):
    with monkeypatch.context() as patch:
        press_at(patch, owner, name)
        stopped = run(vectors, out=tmp_path / "run")
    assert WHILE_COMPARING in capsys.readouterr().err or owner is fitting_runs
    assert whole(stopped.folder).decision == stopped.decision
    assert (stopped.decision.stopped, stopped.decision.verdict) == ("interrupted", "not judged")
    assert stopped.decision.sentence == (
        "Not judged: Ctrl-C ended the trying before candidates could be compared; the first model is kept, "
        "ridge on the given features."
    )
    assert stopped.decision.unfinished == (
        "Ctrl-C ended the trying before everything was tried. The same command goes on from here."
    )
    assert "The plan was chosen before" not in stopped.evaluation.protocol
    resumed = run(vectors, out=tmp_path / "run")
    assert (resumed.decision.stopped, resumed.decision.unfinished) == ("", "")
    assert {result.status for result in resumed.decision.results} == {"fitted"}
    assert whole(resumed.folder).plan.reasons == resumed.decision.reasons
    monkeypatch.setattr(deciding, "rank", None)
    monkeypatch.setattr(fitting_runs, "fit_plan", None)
    assert run(vectors, out=tmp_path / "run").decision == resumed.decision


def test_a_run_that_was_killed_between_an_interrupted_decision_and_its_record_goes_on(vectors, tmp_path, monkeypatch):
    real, write, calls = Trials.closed_form, Workspace.write, []

    def pressing_at_the_second(self, *args, **named):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return real(self, *args, **named)

    def killed(self, *records):
        if any(isinstance(record, Decision) for record in records):
            raise KeyboardInterrupt
        write(self, *records)

    with monkeypatch.context() as patch:
        patch.setattr(Trials, "closed_form", pressing_at_the_second)
        patch.setattr(Workspace, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            run(vectors, out=tmp_path / "run")
    assert len(list((tmp_path / "run" / "steps").glob("decide-*.json"))) == 1
    assert not (tmp_path / "run" / "decision.json").exists()
    resumed = run(vectors, out=tmp_path / "run")
    assert (resumed.decision.stopped, resumed.decision.unfinished) == ("", "")
    assert {result.status for result in resumed.decision.results} == {"fitted"}


@pytest.mark.parametrize("name", ["fit_plan", "_evaluated", "report_html"])
def test_one_interrupt_behind_the_decision_ends_nothing(vectors, tmp_path, monkeypatch, capsys, name):
    press_at(monkeypatch, fitting_runs, name)
    finished = run(vectors, out=tmp_path / "run")
    assert WHILE_FITTING in capsys.readouterr().err
    assert (whole(finished.folder).decision.stopped, finished.decision.unfinished) == ("", "")


@pytest.mark.parametrize(("owner", "name"), [(deciding, "rank"), (fitting_runs, "fit_plan")], ids=["rank", "fit"])
def test_two_interrupts_stop_at_once(vectors, tmp_path, monkeypatch, owner, name):
    with monkeypatch.context() as patch:
        press_at(patch, owner, name, times=2)
        with pytest.raises(KeyboardInterrupt):
            run(vectors, out=tmp_path / "run")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert whole(run(vectors, out=tmp_path / "run").folder).decision.unfinished == ""


def test_before_the_first_model_one_interrupt_stops(vectors, tmp_path, monkeypatch):
    press_at(monkeypatch, running, "fit_first")
    with pytest.raises(KeyboardInterrupt):
        run(vectors, out=tmp_path / "run")


def test_a_budget_of_no_time_gives_the_first_model_and_more_minutes_go_on_in_the_same_folder(vectors, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = run(vectors, minutes=1e-6)
    assert whole(short.folder).decision.sentence == (
        "Not judged: the time was over before candidates could be compared; the first model is kept, ridge on the given features."
    )
    minutes = math.ceil((STARTING_SECONDS + budget_of(None)) / 60)
    assert short.decision.unfinished == (
        f"The time was over before everything was tried. The same command with --minutes {minutes} goes on from here."
    )
    assert run(vectors, minutes=1e-6).decision == short.decision
    longer = run(vectors, minutes=30)
    assert longer.folder == short.folder
    assert longer.decision.results[1].status == "fitted"
    assert run(vectors, minutes=2).decision == longer.decision


@pytest.fixture
def pictures(tmp_path) -> str:
    """Sixteen pictures of two colors."""
    rng = np.random.default_rng(5)
    for label, name in enumerate(("red", "green")):
        (tmp_path / "squares" / name).mkdir(parents=True)
        for row in range(8):
            pixels = rng.integers(0, 190, (16, 16, 3)).astype(np.uint8)
            pixels[..., label] += 60
            Image.fromarray(pixels).save(tmp_path / "squares" / name / f"{row}.png")
    return str(tmp_path / "squares")


@pytest.mark.parametrize(
    ("owner", "name", "judged"),
    [(deciding, "_decided", False), (cross_validation, "fit_rows", False), (loop.Fit, "step", True)],
    ids=["decide", "first baseline", "training"],
)
def test_one_interrupt_of_training_from_scratch_ships_ridge_on_raw_pixels(pictures, tmp_path, monkeypatch, owner, name, judged):
    press_at(monkeypatch, owner, name)
    stopped = run(pictures, only="scratch", out=tmp_path / "run")
    assert (tmp_path / "run" / "report.html").exists()
    assert (stopped.plan.pretrained, stopped.plan.weights, stopped.decision.stopped) == ("pixels", "none", "interrupted")
    assert stopped.decision.verdict == "not judged"
    assert stopped.evaluation.num_images == 16
    assert stopped.first.name == "ridge on raw pixels"
    if judged:
        reasons = {one.name: one.reason for one in stopped.decision.results}
        assert reasons["small_cnn from scratch"] == "Ctrl-C ended the trying before"
        assert " reaches " in stopped.decision.sentence
        assert stopped.ranking.candidates == ()
        assert "No pretrained model was ranked: --only scratch leaves out what transfers." in stopped.decision.reasons
    else:
        assert stopped.decision.sentence == (
            "Not judged: Ctrl-C ended the trying before candidates could be compared; the first model is kept, "
            "ridge on raw pixels."
        )


def test_a_method_that_the_time_had_no_room_for_is_an_error_that_names_the_minutes(vectors, tmp_path):
    minutes = math.ceil((STARTING_SECONDS + budget_of(None)) / 60)
    with pytest.raises(PlanError, match=f"^The time was over before anything was fitted. Give --minutes {minutes}.$"):
        run(vectors, method="logistic", minutes=1e-6, out=tmp_path / "run")


def test_a_signal_to_the_command_gives_a_run_and_exit_code_0(vectors, tmp_path):
    command = [sys.executable, "-m", "headstart", "run", vectors, "--out", str(tmp_path / "run")]
    environment = os.environ | {"HEADSTART_QUIET": "0"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith("First model after"):
            time.sleep(0.05)
            process.send_signal(signal.SIGINT)
    process.wait()
    assert process.returncode == 0, "".join(seen)
    assert whole(tmp_path / "run").evaluation
