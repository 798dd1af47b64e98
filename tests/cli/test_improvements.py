"""headstart adjust and headstart search: what a person reads, what a program reads, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from headstart.cli._improvements import MOST_TRIALS, adjustment_view, found_view


def shown(view) -> str:
    console = Console(width=80, no_color=True)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def searched(number: int, outcome: str = "finished", **values) -> dict:
    settings = {"training.lr": 0.001, "method.depth": "late", **values}
    losses = [] if outcome in ("failed", "too costly") else [1.0, number / 10]
    return {"settings": settings, "origin": "sampled", "outcome": outcome, "log_losses": losses}


@pytest.fixture
def vectors(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    rng, labels = np.random.default_rng(3), np.arange(97) % 3 == 0
    features = (rng.normal(size=(97, 7)) + 1.5 * labels[:, None]).astype(np.float32)
    np.savez(tmp_path / "vectors.npz", features=features, labels=np.where(labels, "high", "low"))
    return "vectors.npz"


def test_an_adjustment_is_shown_with_reason_outcome_advice_and_what_to_do_next():
    trial = {"rule": "rate_too_high", "reason": "training broke down.", "outcome": "kept", "sentence": "better: a lot"}
    advice = {"code": "weak-class", "severity": "warning", "title": "A class is weak.", "evidence": {}, "advice": "Look."}
    text = shown(adjustment_view({"trials": [trial], "advice": [advice]}, "The plan was changed: x.", "runs/new"))
    lines = text.splitlines()
    assert lines[0].split() == ["rate_too_high", "training", "broke", "down."]
    assert lines[1].strip() == "kept: better: a lot"
    assert "(weak-class)" in text
    assert lines[-3:] == ["The plan was changed: x.", "Run   runs/new", "Next  headstart predict runs/new NEW_IMAGES"]


def test_single_networks_stand_in_one_table_with_what_they_cost():
    gain = {"value": -0.028, "low": -0.043, "high": -0.014}
    trial = {"reason": "ridge of a, a member alone.", "may_lose": 0.0471, "multiply_adds": 8.6e8, "outcome": "not chosen"}
    failed = {"reason": "lp_ft of b, a member alone.", "may_lose": 0.0, "multiply_adds": 0.0, "outcome": "failed"}
    trials = [{**trial, "comparison": {"accuracy_gain": gain}}, {**failed, "comparison": None}]
    text = shown(adjustment_view({"trials": trials, "advice": [], "margin": 0.02}, "The ensemble stands: x.", "a"))
    assert "-2.8 [-4.3, -1.4]" in text
    assert "4.7" in text
    assert "860 M" in text
    assert "failed" in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_adjustment_says_how_good_the_run_is_now():
    accuracy = {"value": 0.8125, "low": 0.6469, "high": 0.9111}
    evaluation = {"split": "test", "num_images": 32, "metrics": {"accuracy": accuracy}}
    shown_lines = shown(adjustment_view({"trials": [], "advice": []}, "It stands.", "a", evaluation)).splitlines()
    assert shown_lines[1] == "Accuracy  81.2% [64.7%, 91.1%] on 32 test images"


def test_an_adjustment_that_tried_nothing_is_its_sentence():
    assert shown(adjustment_view({"trials": [], "advice": []}, "The plan stands: nothing.", "a")).splitlines() == [
        "The plan stands: nothing.", "Run   a", "Next  headstart predict a NEW_IMAGES",
    ]  # fmt: skip


def test_trials_are_shown_the_best_first_with_what_they_changed():
    trials = [
        searched(5),
        searched(2, **{"training.lr": 0.0123456}),
        searched(1, "pruned", **{"method.depth": "all"}),
        searched(9, "failed", **{"method.depth": "early"}),
        searched(3, **{"method.depth": "middle", "training.lr": 0.5}),
    ]
    lines = shown(found_view({"trials": trials, "sentence": "Better."}, "study")).splitlines()
    rows = [line.split() for line in lines if line[:1].isdigit()]
    assert [row[0] for row in rows] == ["1", "4", "0", "2", "3"]
    assert rows[0][1:] == ["sampled", "finished", "0.200", "training.lr=0.0123"]
    assert rows[1][-2:] == ["training.lr=0.5,", "method.depth=middle"]
    assert rows[2][1:] == ["sampled", "finished", "0.500"]
    assert rows[4][2:4] == ["failed", "-"]
    assert lines[-3:] == ["Better.", "Plan  study/plan.toml", "Next  headstart fit study/plan.toml -o RUN"]


def test_of_many_trials_some_are_shown():
    text = shown(found_view({"trials": [searched(number) for number in range(40)], "sentence": "."}, "s"))
    assert sum(line[:1].isdigit() for line in text.splitlines()) == MOST_TRIALS


@pytest.mark.slow
def test_a_search_prints_its_trials_and_goes_on_where_it_stopped(vectors, headstart_command):
    words = ("search", vectors, "--method", "knn", "-o", "study")
    answer = headstart_command(*words, "--trials", "3", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert (found["study"], len(found["trials"]), found["trials"][0]["origin"]) == ("study", 3, "default")
    longer = headstart_command(*words, "--trials", "5")
    assert longer.code == 0, longer.err
    assert "Next  headstart fit study/plan.toml -o RUN" in longer.out
    again = json.loads(headstart_command(*words, "--trials", "5", "--json").out)
    assert again["trials"][:3] == found["trials"]
    assert headstart_command("fit", "study/plan.toml", "-o", "run").code == 0
    adjusted = json.loads(headstart_command("adjust", "run", "--json").out)
    assert adjusted["run"] == "run"
    assert adjusted["sentence"].startswith("The plan stands: ")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("adjust", "nowhere"), "nowhere holds no finished run. `headstart runs` lists those there are; an unfinished one goes"),
        (("search", "vectors.npz", "-o", "s"), "vectors.npz is data, so --method KIND is needed."),
        (("search", "vectors.npz", "--method", "nearest_mean", "-o", "s"), "nearest_mean has no setting to search."),
        (("search", "vectors.npz", "--method", "lp_ft", "-o", "s"), "lp_ft"),
        (("search", "vectors.npz", "--method", "knn", "--set", "num_neighbors=0", "-o", "s"), "num_neighbors"),
    ],
    ids=["no run", "no method", "no settings", "needs pictures", "outside its range"],
)
def test_what_cannot_be_done_is_one_sentence(vectors, headstart_command, words, text):
    answer = headstart_command(*words)
    assert answer.code == 2
    assert text in " ".join(answer.err.split())
    assert answer.out == ""
