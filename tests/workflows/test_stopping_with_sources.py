"""Adaptation that ends early, by Ctrl-C or by the clock: the model of the sources, or the best so far, and a way to go on."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

from headstart.planning.adapting.candidate_fitting import CandidateFitter
from headstart.runs.run import Run
from headstart.workflows import decide as deciding
from headstart.workflows import fit as fitting_runs
from headstart.workflows.run import run

pytestmark = pytest.mark.slow

CENTERS = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
CUT = "Ctrl-C ended the trying before"


def domain(path: Path, num: int, seed: int, shift: object = 0.0, told: bool = True) -> str:
    """Rows of three classes, moved, with their labels or without."""
    labels = np.arange(num) % 3
    features = CENTERS[labels] + np.random.default_rng(seed).normal(size=(num, 3)) + shift
    names = np.array(["cat", "dog", "owl"])[labels] if told else np.full(num, "")
    np.savez(path, features=features.astype(np.float32), labels=names)
    return str(path)


@pytest.fixture
def adapt(tmp_path, monkeypatch):
    """Runs on a target without labels, with one source; more words are those of `run`."""
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    source = domain(tmp_path / "source.npz", 150, 1)
    target = domain(tmp_path / "target.npz", 120, 2, [9.0, -7.0, 0.0], told=False)
    return lambda **words: run(target, source=[source], out=tmp_path / "run", **words)


def press_at(monkeypatch, owner, name: str, call: int = 1) -> None:
    """Press Ctrl-C where a function is called for that time."""
    real, calls = getattr(owner, name), []

    def pressing(*args, **named):
        calls.append(1)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return real(*args, **named)

    monkeypatch.setattr(owner, name, pressing)


def whole(found: Run) -> Run:
    """The run, read again, with its model and its report."""
    assert (found.folder / "report.html").exists()
    again = Run.load(found.folder)
    assert again.model.classes == ("cat", "dog", "owl")
    assert (again.decision is None) != (again.adaptation is None)
    return again


@pytest.mark.parametrize(
    ("owner", "name"),
    [(fitting_runs, "inspect"), (deciding, "rank"), (deciding, "select_sources_by"), (deciding, "adaptation_to")],
    ids=["inspect", "rank", "sources", "adapt"],
)
def test_one_interrupt_before_anything_adapted_ships_the_model_of_the_sources_and_the_same_command_goes_on(
    adapt, monkeypatch, owner, name
):
    with monkeypatch.context() as patch:
        press_at(patch, owner, name)
        stopped = whole(adapt())
    assert stopped.plan.method["kind"] == "source_only"
    assert stopped.plan.sources != ()
    assert (stopped.decision.stopped, stopped.decision.verdict) == ("interrupted", "not judged")
    assert stopped.decision.unfinished.endswith("The same command goes on from here.")
    resumed = whole(adapt())
    assert resumed.adaptation.adapted
    assert (resumed.adaptation.stopped, resumed.adaptation.unfinished) == ("", "")


def test_one_interrupt_between_candidates_chooses_among_those_that_are_there(adapt, monkeypatch):
    with monkeypatch.context() as patch:
        press_at(patch, CandidateFitter, "fitted_into", call=3)
        stopped = whole(adapt())
    cut = [one.name for one in stopped.adaptation.candidates if one.rejection == CUT]
    assert stopped.adaptation.stopped == "interrupted"
    assert stopped.adaptation.unfinished == "Ctrl-C ended the trying. The same command goes on from here."
    assert stopped.adaptation.candidates[0].rejection != CUT
    assert stopped.adaptation.candidates[1].name not in cut
    assert len(cut) == len(stopped.adaptation.candidates) - 2
    assert "<strong>Left out:</strong> Ctrl-C ended the trying." in (stopped.folder / "report.html").read_text()
    resumed = whole(adapt())
    assert CUT not in {one.rejection for one in resumed.adaptation.candidates}
    assert resumed.adaptation.adapted


def test_a_budget_of_no_time_gives_the_model_of_the_sources_and_more_minutes_go_on(adapt):
    short = whole(adapt(minutes=1e-6))
    assert short.plan.method["kind"] == "source_only"
    assert short.decision.sentence.startswith("Not judged: the time was over before candidates could be compared; ")
    longer = whole(adapt(minutes=30))
    assert (longer.adaptation.adapted, longer.adaptation.minutes) == (True, 30)
    assert whole(adapt(minutes=1e-6)).adaptation == longer.adaptation
    assert whole(adapt()).adaptation == longer.adaptation
