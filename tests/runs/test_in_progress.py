"""In progress: a file that says what a run is doing, and whether its process is alive."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from headstart.core.errors import ExportError, TrainingError
from headstart.core.estimate import Estimate
from headstart.core.progress import progress, stage
from headstart.core.watching import Standing, tell_standing
from headstart.runs import in_progress as module
from headstart.runs.in_progress import PROGRESS, InProgress, in_progress, noted_in

ACCURACY = Estimate(value=0.9, low=0.8, high=0.95)


def test_what_is_done_is_read_by_others_meanwhile_and_the_file_goes_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_BETWEEN", 0.0)
    with noted_in(tmp_path):
        found = in_progress(tmp_path)
        assert (found.process, found.machine, found.stage, found.goes_on) == (os.getpid(), module.this_machine(), "", True)
        with stage("deciding"):
            tell_standing(Standing("ridge", ACCURACY, 3, 60.0))
            with stage("fine_tune, fold 1 of 5"), progress(8, "training") as advance:
                advance(2)
                advance(3)
                found = in_progress(tmp_path)
            assert (found.stage, found.part, found.done, found.total) == ("fine_tune, fold 1 of 5", "training", 5, 8)
            assert (found.best, found.accuracy, found.num_tried) == ("ridge", ACCURACY, 3)
            assert found.until == pytest.approx(time.time() + 60, abs=20)
            found = in_progress(tmp_path)
            assert (found.stage, found.part, found.total) == ("deciding", "", 0)
    assert list(tmp_path.iterdir()) == []


def test_what_is_counted_is_written_now_and_then(tmp_path):
    with noted_in(tmp_path), progress(1_000, "training") as advance:
        for _ in range(500):
            advance(1)
        assert in_progress(tmp_path).done < 500


def test_a_part_that_notes_itself_in_the_same_folder_leaves_the_file_to_the_whole(tmp_path):
    with noted_in(tmp_path):
        with noted_in(tmp_path), stage("fitting"):
            assert in_progress(tmp_path).stage == "fitting"
        assert in_progress(tmp_path).goes_on


ENDS = [
    (KeyboardInterrupt(), "interrupted"),
    (TrainingError("loss became nan."), "loss became nan."),
    (ZeroDivisionError("x"), "ZeroDivisionError"),
]


@pytest.mark.parametrize(("error", "ended"), ENDS, ids=["Ctrl-C", "training", "fault"])
def test_a_run_that_ends_early_says_why(tmp_path, error, ended):
    with pytest.raises(type(error)), noted_in(tmp_path):
        raise error
    found = in_progress(tmp_path)
    assert (found.ended, found.goes_on) == (ended, False)


def test_a_disk_that_takes_no_such_file_ends_no_run(tmp_path, monkeypatch):
    def full(*_, **__):
        raise ExportError("no space")

    monkeypatch.setattr(module, "write_atomically", full)
    with noted_in(tmp_path), stage("deciding"):
        assert in_progress(tmp_path) is None


def record(**values):
    now = time.time()
    own = {"process": os.getpid(), "process_begun": psutil.Process().create_time(), "machine": module.this_machine()}
    return InProgress(**own | {"begun": now, "written": now} | values)


def test_a_process_that_is_gone_or_is_another_one_by_now_makes_no_run():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    begun = time.time()
    ended.wait()
    assert record().goes_on
    assert not record(process=ended.pid, process_begun=begun).goes_on
    assert not record(process_begun=time.time() - 10**6).goes_on  # an earlier process of the same number
    assert not record(process_begun=time.time() + 10**6).goes_on
    assert not record(process=-1).goes_on


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="no namespaces of processes here")
def test_a_container_with_the_name_of_the_host_is_another_machine():
    assert module.this_machine() == f"{platform.node()} {Path('/proc/self/ns/pid').stat().st_ino}"
    assert record(machine=platform.node(), process=1).goes_on  # as it wrote a moment ago; the process here says nothing


def test_a_file_that_cannot_be_deleted_ends_no_run(tmp_path, monkeypatch):
    def held(*_, **__):
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", held)
    with noted_in(tmp_path):
        pass
    assert in_progress(tmp_path) is not None


def test_a_run_of_another_machine_is_gone_where_it_was_silent_for_long():
    assert record(machine="another", process=1).goes_on
    assert not record(machine="another", process=1, written=time.time() - 601).goes_on


@pytest.mark.parametrize("text", ["{", '{"other": 1}', ""])
def test_a_file_that_cannot_be_read_tells_nothing(tmp_path, text):
    (tmp_path / PROGRESS).write_text(text, encoding="utf-8")
    assert in_progress(tmp_path) is None
