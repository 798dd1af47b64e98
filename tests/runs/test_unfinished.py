"""Runs that are not finished, and the command that goes on with each."""

from __future__ import annotations

import json
from pathlib import Path

from headstart.core.progress import stage
from headstart.runs.in_progress import noted_in
from headstart.runs.unfinished import UnfinishedRun, command_of, unfinished_runs


def folder(root: Path, name: str, **files: str) -> Path:
    for path, text in files.items():
        place = root / name / path.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return root / name


def test_interrupted_and_broken_runs_are_listed_and_finished_ones_are_not(tmp_path):
    request = {"request": {"place": "my flowers", "seed": 1, "weights": "pretrained", "minutes": None, "pretrained": ["a", "b"]}}
    one = folder(tmp_path, "one", **{"request.json": json.dumps(request), "first_model__model.json": "{}"})
    two = folder(tmp_path, "two", **{"steps__fit-0a.json": "{}"})
    three = folder(tmp_path, "three", **{"failure.txt": "loss became nan at step 2 of 9.\n"})
    folder(tmp_path, "done", **{"request.json": "{}", "model__model.json": "{}"})
    folder(tmp_path, "other", **{"notes.txt": "no run"})
    found = {run.folder: run for run in unfinished_runs(tmp_path)}
    assert found == {
        one: UnfinishedRun(
            one,
            "interrupted; its first model predicts",
            f"headstart run 'my flowers' --pretrained a --pretrained b --seed 1 -o {one}",
        ),
        two: UnfinishedRun(two, "interrupted", "the same command as before"),
        three: UnfinishedRun(three, "broke down", "loss became nan at step 2 of 9."),
    }
    assert unfinished_runs(tmp_path / "absent") == []


def test_a_pretraining_goes_on_as_one():
    request = {"place": "x", "pretrained": "small_cnn", "weights": "none", "settings": {"training.epochs": "3"}, "seed": 0}
    assert command_of({"pretraining": request}, Path("runs/own")) == (
        "headstart pretrain x --pretrained small_cnn --weights none --set training.epochs=3 -o runs/own"
    )


def test_a_run_that_is_being_made_says_so_and_one_that_was_killed_how_to_go_on(tmp_path):
    request = {"request": {"place": "flowers"}}
    place = folder(tmp_path, "one", **{"request.json": json.dumps(request)})
    finished = folder(tmp_path, "done", **{"model__model.json": "{}"})
    with noted_in(place), noted_in(finished), stage("ridge on stages"):
        found = {run.folder: run for run in unfinished_runs(tmp_path)}
    assert (found[finished].state, found[finished].advice) == ("in progress", "ridge on stages")
    assert found[place].state == "in progress"
    assert found[place].doing.goes_on
    assert unfinished_runs(tmp_path) == [UnfinishedRun(place, "interrupted", f"headstart run flowers -o {place}")]
