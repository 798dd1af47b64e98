"""Steps that another process makes come back whole, once, or as far as they were when time ended them."""

from __future__ import annotations

import os
import time

import pytest

from headstart.core.errors import DataError, TrainingError
from headstart.core.executing import Pending, Work, executor
from headstart.core.folders import cache_folder
from headstart.core.packing import KEPT_SECONDS, Packed, Request, made_elsewhere, unpack
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError, Stopper, stop_if_asked, stoppable


class Number(Record):
    number: int


def counted(folder, number):
    """A number, with a file that says how often it was made."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "deep" / "made.txt"
    made.parent.mkdir(exist_ok=True)
    made.write_text(str(int(made.read_text()) + 1 if made.exists() else 1))
    (folder / "cache").mkdir(exist_ok=True)
    (folder / "cache" / "pictures.u8").write_bytes(b"large")
    (folder / "checkpoint.safetensors").write_bytes(b"state")
    return Number(number=number)


def stopped(folder, number):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint.safetensors").write_bytes(b"half")
    try:
        stop_if_asked()
    except StoppedError as error:
        raise StoppedError(error.reason, 3, 10) from error
    return Number(number=number)


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path / "steps")


def test_a_step_lies_where_one_process_leaves_it(steps, tmp_path, elsewhere):
    away = steps.run("count", {"a": 1}, Number, Work(counted, (5,), "five"))
    here = Steps(tmp_path / "here")
    folder = here.folder / here.stem("count", {"a": 1})
    assert away == here.run("count", {"a": 1}, Number, lambda folder: counted(folder, 5)) == Number(number=5)
    brought = steps.folder / steps.stem("count", {"a": 1})
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {path.relative_to(brought).as_posix() for path in brought.rglob("*") if path.is_file()} == files == {"deep/made.txt"}
    assert steps.seconds().keys() == {"count"}
    assert elsewhere.ran == ["five"]
    assert steps.run("count", {"a": 1}, Number, Work(counted, (5,), "five")) == away
    assert elsewhere.ran == ["five"]


def test_a_step_that_was_made_elsewhere_is_not_made_again_where_its_result_was_lost():
    first = made_elsewhere(Request("count-1"), counted, 5)
    again = made_elsewhere(Request("count-1"), counted, 5)
    assert first.result == again.result
    assert again.files["deep/made.txt"] == b"1"
    assert set(again.files) == {"deep/made.txt"}


def test_a_step_is_begun_once_and_its_result_taken_by_whoever_runs_it(steps, elsewhere):
    for _ in range(2):
        steps.begin("count", {"a": 1}, Number, Work(counted, (5,), "five"))
    assert len(executor().started) == 1
    assert steps.run("count", {"a": 1}, Number, Work(counted, (5,), "five")).number == 5
    assert not executor().started
    steps.begin("count", {"a": 1}, Number, Work(counted, (5,), "five"))
    assert not executor().started


def test_a_step_that_is_dropped_is_cancelled(steps, elsewhere):
    steps.begin("count", {"a": 1}, Number, Work(counted, (5,), "five"))
    steps.drop("count", {"a": 2})
    steps.drop("count", {"a": 1})
    assert elsewhere.cancelled == ["five"]
    assert not executor().started


def test_nothing_is_begun_in_one_process(steps):
    steps.begin("count", {"a": 1}, Number, Work(counted, (5,), "five"))
    assert not executor().started
    assert not steps.folder.exists()


def test_what_time_ended_comes_back_with_what_it_goes_on_from(steps, elsewhere):
    with stoppable(Stopper(deadline=time.monotonic() - 1)), pytest.raises(StoppedError) as found:
        steps.run("fit", {"a": 1}, Number, Work(stopped, (5,), "five"))
    assert (found.value.reason, found.value.steps_done, found.value.steps) == ("over", 3, 10)
    folder = steps.folder / steps.stem("fit", {"a": 1})
    assert (folder / "checkpoint.safetensors").read_bytes() == b"half"
    assert not folder.with_suffix(".json").exists()
    assert steps.run("fit", {"a": 1}, Number, Work(stopped, (5,), "five")).number == 5


def test_steps_of_another_day_are_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    unpack(made_elsewhere(Request("count-1"), counted, 5), tmp_path / "taken")
    (home,) = (cache_folder() / "elsewhere").iterdir()
    for path in home.rglob("*"):
        os.utime(path, (0, time.time() - KEPT_SECONDS - 60))
    made_elsewhere(Request("count-2"), counted, 6)
    assert sorted(path.name for path in home.iterdir()) == ["count-2", "count-2.json"]


def test_a_step_of_other_code_engine_or_threads_is_made_again_and_one_that_lacks_what_is_wanted_too():
    first, *others = (
        made_elsewhere(request, counted, 5).files["deep/made.txt"]
        for request in (Request("count-3", "one"), Request("count-3", "two"), Request("count-3", "one", anew=True))
    )
    assert (first, *others) == (b"1", b"1", b"2")


def test_what_a_step_goes_on_from_goes_with_it(steps, elsewhere):
    folder = steps.folder / steps.stem("count", {"a": 1})
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "made.txt").write_text("6")
    steps.run("count", {"a": 1}, Number, Work(counted, (5,), "five"))
    assert (folder / "deep" / "made.txt").read_text() == "7"


def test_a_step_that_was_begun_for_less_than_is_wanted_is_asked_for_again(steps, elsewhere):
    steps.begin("count", {"a": 1}, Number, Work(counted, (5,), "five"))

    def is_whole(_, folder):
        return (folder / "deep" / "made.txt").read_text() == "2"

    assert steps.run("count", {"a": 1}, Number, Work(counted, (5,), "five"), is_whole).number == 5
    assert elsewhere.ran == ["five", "five"]
    with pytest.raises(TrainingError) as given_up:
        steps.run("count", {"a": 2}, Number, Work(counted, (5,), "five"), lambda *_: False)
    assert str(given_up.value) == "five came back from the cluster incomplete 10 times. Run the command without --cluster."


def test_what_time_ended_too_early_is_asked_for_again_while_there_is_time(steps, elsewhere):
    elsewhere.started[steps.stem("fit", {"a": 1})] = Ended()
    assert steps.run("fit", {"a": 1}, Number, Work(stopped, (5,), "five")).number == 5


class Ended(Pending):
    """Work that time ended elsewhere."""

    def result(self, advance=None):
        return Packed("", {"checkpoint.safetensors": b"half"}, 1.0, ("over", 3, 10))


def test_files_outside_of_the_step_are_refused(tmp_path):
    for name in ("../out", "/tmp/out", "a/../../out"):
        with pytest.raises(DataError, match=r"lies outside of its folder\. Do not use this place\."):
            unpack(Packed("{}", {name: b""}, 0.0), tmp_path / "step")
    assert not list(tmp_path.rglob("out"))


def test_results_of_machines_that_differ_stay_with_the_run(tmp_path, elsewhere):
    steps = Steps(tmp_path / "steps", tmp_path / "shared")
    elsewhere.is_uniform = False
    steps.run("fold", {"a": 1}, Number, Work(counted, (5,), "five"))
    assert not (tmp_path / "shared").exists()
    elsewhere.is_uniform = True
    steps.run("fold", {"a": 2}, Number, Work(counted, (5,), "five"))
    assert len(list((tmp_path / "shared").glob("fold-*.json"))) == 1
