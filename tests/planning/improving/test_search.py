"""Searching settings: killed and resumed, pruned, priced, begun from earlier runs, and honest about its winner."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from searched import BAD, GOOD, neighbors, plan_of, refused, same

from headstart.core.errors import PlanError, TrainingError
from headstart.planning import cross_validation, fitting
from headstart.planning.improving import search
from headstart.planning.improving.study import Found
from headstart.planning.plan import Plan
from headstart.training.settings import Training


@pytest.fixture
def task(vectors):
    return vectors(1.5, 97)


@pytest.mark.slow
def test_the_winner_beats_the_default_by_a_paired_test_and_its_plan_is_written(task, tmp_path):
    found = search.search(task, plan_of(), tmp_path, trials=6)
    assert found.best != 0
    assert found.trials[0].settings == {"method.num_neighbors": BAD}
    assert found.trials[0].origin == "default"
    assert found.comparison.significant
    assert found.plan.method["num_neighbors"] == neighbors(found)[found.best]
    assert found.sentence.startswith(f"Better than the default: trial {found.best} (method.num_neighbors {BAD} -> ")
    assert Plan.from_toml((tmp_path / "plan.toml").read_text()) == found.plan
    assert Found.from_json((tmp_path / "found.json").read_text()) == found
    assert found.plan.reasons[-1].startswith("search, trial ")


def test_trials_are_whole_trainings_though_time_ended_that_of_the_plan(task, tmp_path):
    found = search.search(task, plan_of(training=Training(stop_after=5)), tmp_path, trials=1)
    assert found.plan.training == Training()


@pytest.mark.slow
def test_a_default_that_cannot_be_beaten_stands(vectors, tmp_path):
    found = search.search(vectors(0.0, 61), plan_of(40), tmp_path, trials=5)
    assert found.plan.method["num_neighbors"] == 40
    assert found.sentence.startswith("The default stands after 5 trials: ")


@pytest.mark.slow
def test_a_default_that_is_the_best_stands(task, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "suggest", lambda *_: {"method.num_neighbors": 76})
    found = search.search(task, plan_of(GOOD), tmp_path, trials=2)
    assert (found.best, found.sentence) == (0, "The default stands after 2 trials: it was the best.")
    assert found.comparison is None


@pytest.mark.slow
def test_a_winner_that_is_right_less_often_does_not_replace_the_default(task, tmp_path, monkeypatch):
    real = search.compared

    def less_accurate(*sides):
        made = real(*sides)
        return made.model_copy(update={"accuracy_gain": made.accuracy_gain.model_copy(update={"value": -0.001})})

    monkeypatch.setattr(search, "compared", less_accurate)
    monkeypatch.setattr(search, "suggest", lambda *_: {"method.num_neighbors": GOOD})
    found = search.search(task, plan_of(), tmp_path, trials=2)
    assert found.sentence.endswith("held-out images, less often right.")
    assert found.plan.method["num_neighbors"] == BAD


@pytest.mark.slow
def test_the_level_of_the_paired_test_counts_the_trials(task, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(search, "significant_at", lambda comparison, level: asked.append(level) or False)
    found = search.search(task, plan_of(), tmp_path, trials=6)
    compared = sum(trial.outcome in ("finished", "pruned") for trial in found.trials[1:])
    assert asked == [0.05 / compared]
    assert f" held-out images; such a log loss is within the noise that the best of {compared} meets." in found.sentence


@pytest.mark.slow
def test_a_trial_behind_the_best_beyond_noise_is_given_up_on_the_way(task, tmp_path, monkeypatch):
    drawn = iter([95, GOOD + 1])
    monkeypatch.setattr(search, "suggest", lambda *_: {"method.num_neighbors": next(drawn)})
    found = search.search(task, plan_of(GOOD), tmp_path, trials=3)
    assert [trial.outcome for trial in found.trials] == ["finished", "pruned", "finished"]
    assert len(found.trials[1].log_losses) < len(task.folds) == len(found.trials[2].log_losses)
    assert "standard errors behind the best after 1 folds" in found.trials[1].reason
    left = [path.name for path in (tmp_path / "steps").glob("fold-*.json")]
    assert len(left) == sum(len(trial.log_losses) for trial in found.trials)


@pytest.mark.slow
def test_searching_again_goes_on_and_fits_nothing_twice(task, tmp_path, monkeypatch):
    whole = search.search(task, plan_of(), tmp_path / "whole", trials=7)
    first = search.search(task, plan_of(), tmp_path / "parts", trials=3)
    assert same(whole)[:3] == same(first)
    assert same(search.search(task, plan_of(), tmp_path / "parts", trials=7)) == same(whole)
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    assert search.search(task, plan_of(), tmp_path / "parts", trials=7).sentence == whole.sentence


SCRIPT = """
import os, sys
from pathlib import Path
import numpy as np
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.planning import cross_validation, fitting
from headstart.planning.plan import Plan
from headstart.training.settings import Training
from headstart.planning.improving.search import search

rng = np.random.default_rng(3)
labels = (np.arange(97) % 5 < 2).astype(np.int64)
features = (rng.normal(size=(97, 7)) + 1.5 * labels[:, None]).astype(np.float32)
task = Task("v", ("low", "high"), ImageSet(Embeddings(features, "v", np.arange(97)), ("low", "high"), labels, np.arange(97)))
plan = Plan(data="v", pretrained="embeddings", weights="none", input_pixels=1, method={"kind": "knn", "num_neighbors": 60})
real, calls, last = cross_validation.fit_rows, [], int(sys.argv[2])

def counted(*arguments):
    calls.append(1)
    if len(calls) == last:
        os._exit(9)
    return real(*arguments)

cross_validation.fit_rows = counted
found = search(task, plan, Path(sys.argv[1]), trials=5)
print(len(calls), [sorted(trial.settings.items()) for trial in found.trials], found.sentence)
"""


@pytest.mark.slow
def test_a_search_killed_within_a_trial_ends_as_if_nothing_had_happened(tmp_path):
    def run(folder: str, last: int) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / folder), str(last)]
        return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)

    whole = run("whole", 0)
    assert whole.returncode == 0, whole.stderr
    num_fits, _, outcome = whole.stdout.partition(" ")
    killed = run("killed", 8)
    assert (killed.returncode, killed.stdout) == (9, "")
    finished = sorted(path.name for path in (tmp_path / "killed" / "steps").glob("*.json"))
    assert any(name.startswith("trial-") for name in finished)
    resumed = run("killed", 0)
    again, _, outcome_again = resumed.stdout.partition(" ")
    assert outcome_again == outcome
    assert int(again) == int(num_fits) - 7
    assert set(finished) <= {path.name for path in (tmp_path / "killed" / "steps").glob("*.json")}


@pytest.mark.slow
def test_what_similar_tasks_chose_is_tried_right_after_the_default(task, vectors, tmp_path):
    near, far = vectors(1.0, 83).summary(), vectors(1.0, 23).summary()
    past = [("runs/far", far, plan_of(3)), ("runs/near", near, plan_of(GOOD))]
    found = search.search(task, plan_of(), tmp_path, trials=4, past=past)
    assert neighbors(found)[:3] == [BAD, GOOD, 3]
    assert [trial.origin for trial in found.trials] == ["default", "runs/near", "runs/far", "sampled"]


@pytest.mark.slow
def test_what_earlier_runs_chose_is_kept_with_the_study(task, tmp_path):
    past = [("runs/near", task.summary(), plan_of(GOOD))]
    first = search.search(task, plan_of(), tmp_path, trials=3, past=past)
    assert same(search.search(task, plan_of(), tmp_path, trials=3)) == same(first)


@pytest.mark.slow
def test_a_trial_that_would_outlast_the_budget_is_not_begun(task, tmp_path, monkeypatch):
    prices = iter([0.0, 0.0, *[100.0] * 20])
    monkeypatch.setattr(search, "seconds_of_cross_validation", lambda *_: next(prices))
    drawn = iter(range(GOOD, 90))
    monkeypatch.setattr(search, "suggest", lambda *_: {"method.num_neighbors": next(drawn)})
    found = search.search(task, plan_of(), tmp_path, minutes=1.0)
    outcomes = [trial.outcome for trial in found.trials]
    assert outcomes[:2] == ["finished", "finished"]
    assert outcomes[2:] == ["too costly"] * search.MOST_IN_VAIN
    assert found.trials[2].reason.startswith("its folds would take ")


def test_a_default_too_costly_for_the_budget_is_told(task, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "seconds_of_cross_validation", lambda *_: 100.0)
    text = refused(PlanError, lambda: search.search(task, plan_of(), tmp_path, minutes=0.5))
    assert text == (
        f"The default cannot be compared with anything: its folds would take {100 * search.MARGIN:.0f} s, and 30 s are left. "
        "Give --minutes more."
    )


@pytest.mark.slow
def test_what_a_smaller_budget_finished_is_listed_by_a_larger_one_too(task, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "suggest", lambda _, trials, *__: {"method.num_neighbors": drawn[len(trials)]})
    dear = 85
    monkeypatch.setattr(
        search, "seconds_of_cross_validation", lambda candidate, *_: 100.0 if candidate.method["num_neighbors"] == dear else 0.0
    )
    drawn = {1: dear, 2: GOOD}
    first = search.search(task, plan_of(), tmp_path, minutes=1.0, trials=3)
    assert [trial.outcome for trial in first.trials] == ["finished", "too costly", "finished"]
    drawn = {1: dear, 2: 80}
    larger = search.search(task, plan_of(), tmp_path, minutes=9.0, trials=3)
    assert neighbors(larger) == [BAD, dear, 80, GOOD]
    assert larger.trials[3] == first.trials[2]
    assert larger.best == 3
    smaller = search.search(task, plan_of(), tmp_path, minutes=1.0, trials=2)
    assert sorted(neighbors(smaller)) == sorted([BAD, dear, 80, GOOD])
    assert "too costly" not in [trial.outcome for trial in smaller.trials]


@pytest.mark.slow
def test_the_budget_counts_what_trials_took_the_first_time(task, tmp_path, monkeypatch):
    real = cross_validation.cross_validate

    def dear(*rest, **known):
        made = real(*rest, **known)
        return replace(made, result=made.result.model_copy(update={"seconds": 25.0}))

    monkeypatch.setattr(fitting, "cross_validate", dear)
    monkeypatch.setattr(search, "seconds_of_cross_validation", lambda *_: 0.0)
    assert len(search.search(task, plan_of(), tmp_path, minutes=1.0).trials) == 3


@pytest.mark.slow
def test_a_setting_that_breaks_down_or_is_not_allowed_fails_and_the_search_goes_on(task, tmp_path, monkeypatch):
    real = cross_validation.fit_rows

    def breaks(part, rows, candidate, *rest):
        if candidate.method["num_neighbors"] == 2:
            raise TrainingError("loss became nan.")
        if candidate.method["num_neighbors"] == 3:
            raise PlanError("not with this task.")
        return real(part, rows, candidate, *rest)

    monkeypatch.setattr(cross_validation, "fit_rows", breaks)
    drawn = iter([2, 3, GOOD])
    monkeypatch.setattr(search, "suggest", lambda *_: {"method.num_neighbors": next(drawn)})
    found = search.search(task, plan_of(), tmp_path, trials=4)
    assert [(trial.outcome, trial.reason) for trial in found.trials] == [
        ("finished", ""), ("failed", "loss became nan."), ("failed", "not with this task."), ("finished", ""),
    ]  # fmt: skip
    assert found.best == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [BAD, GOOD])
def test_what_breaks_down_while_its_price_is_measured_fails_and_the_search_goes_on(task, tmp_path, monkeypatch, number):
    def priced(candidate, *_):
        if candidate.method["num_neighbors"] == number:
            raise TrainingError("CutMix takes pictures.")
        return 0.0

    monkeypatch.setattr(search, "seconds_of_cross_validation", priced)
    drawn = iter([GOOD, 8])
    monkeypatch.setattr(search, "suggest", lambda *_: {"method.num_neighbors": next(drawn)})
    found = search.search(task, plan_of(), tmp_path, minutes=1.0, trials=3)
    failed = [(trial.settings["method.num_neighbors"], trial.reason) for trial in found.trials if trial.outcome == "failed"]
    assert failed == [(number, "CutMix takes pictures.")]
    assert len(found.trials) == 3


@pytest.mark.slow
def test_a_default_that_breaks_down_gives_way_to_what_does_not(task, tmp_path, monkeypatch):
    real = cross_validation.fit_rows

    def breaks(part, rows, candidate, *rest):
        if candidate.method["num_neighbors"] == BAD:
            raise TrainingError("loss became nan.")
        return real(part, rows, candidate, *rest)

    monkeypatch.setattr(cross_validation, "fit_rows", breaks)
    found = search.search(task, plan_of(), tmp_path, trials=3)
    assert found.trials[0].outcome == "failed"
    assert found.plan.method["num_neighbors"] != BAD
    assert found.sentence.endswith("the default broke down (loss became nan.)")


def test_nothing_that_finished_is_told(task, tmp_path, monkeypatch):
    def breaks(*_):
        raise TrainingError("loss became nan.")

    monkeypatch.setattr(cross_validation, "fit_rows", breaks)
    text = refused(PlanError, lambda: search.search(task, plan_of(), tmp_path, trials=2))
    assert text == "None of 2 trials was finished. loss became nan."


@pytest.mark.slow
def test_a_search_ends_when_all_there_is_was_tried(pictures, tmp_path):
    plan = Plan(
        data="p", pretrained="pixels", weights="none", input_pixels=8, method={"kind": "nearest_mean", "blocks": "pixels"}
    )
    found = search.search(pictures, plan, tmp_path, trials=20)
    tried = [trial.settings["method.blocks"] for trial in found.trials]
    assert len(tried) == len(set(tried)) <= 4


@pytest.mark.slow
def test_draws_follow_the_seed_of_the_task(task, tmp_path):
    one = search.search(task, plan_of(), tmp_path / "one", trials=4)
    other = search.search(replace(task, seed=1), plan_of(), tmp_path / "other", trials=4)
    assert neighbors(one) != neighbors(other)
    assert same(one) == same(search.search(task, plan_of(), tmp_path / "again", trials=4))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"trials": 1}, "Searching method.num_neighbors in 1 trial: less than a minute. "),
        ({"trials": 1, "minutes": 5}, "Searching method.num_neighbors for about 5 minutes. "),
    ],
)
def test_a_search_says_what_it_will_take_before_it_begins(limits, expected, task, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("HEADSTART_QUIET", raising=False)
    search.search(task, plan_of(), tmp_path / "study", **limits)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{expected}Ctrl-C keeps what is finished, and the same command goes on."
