"""The course of a fit as lines on disk."""

from __future__ import annotations

import pytest

from headstart.training.history import MAX_LINES, History, read_history


def filled(path, steps: int, done: int, attempt: int = 0, start: int = 0, last: int | None = None) -> History:
    history = History(path, steps, attempt, start, last)
    for step in range(start, done):
        history.add(step, attempt, 0.1, float(step), {"cross_entropy": float(step), "decay": 1.0})
    return history


def test_every_step_of_a_short_fit_is_a_line(tmp_path):
    filled(tmp_path / "history.jsonl", 5, 5)
    lines = read_history(tmp_path / "history.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[3] == {"step": 4, "attempt": 0, "lr": 0.1, "seconds": 3.0, "losses": {"cross_entropy": 3.0, "decay": 1.0}}


def test_a_long_fit_is_told_in_means_and_its_last_step_is_never_left_out(tmp_path):
    filled(tmp_path / "history.jsonl", 1001, 1001)
    lines = read_history(tmp_path / "history.jsonl")
    assert MAX_LINES <= len(lines) <= MAX_LINES + 1
    assert lines[0]["step"] == 5
    assert lines[0]["losses"]["cross_entropy"] == pytest.approx(2.0)
    assert lines[1]["losses"]["cross_entropy"] == pytest.approx(7.0)
    assert lines[-1]["step"] == 1001
    assert lines[-1]["losses"]["cross_entropy"] == pytest.approx(1000.0)


def test_a_training_that_ends_before_its_schedule_is_told_to_its_last_step(tmp_path):
    filled(tmp_path / "ends.jsonl", 1001, 503, last=503)
    filled(tmp_path / "stopped.jsonl", 1001, 503).write()
    lines = read_history(tmp_path / "ends.jsonl")
    assert [line["step"] for line in lines[-2:]] == [500, 503]
    assert lines[-1]["losses"]["cross_entropy"] == pytest.approx(501.0)
    assert read_history(tmp_path / "stopped.jsonl") == lines
    filled(tmp_path / "stopped.jsonl", 1001, 503, start=503).write()  # what is there already is not written twice
    assert read_history(tmp_path / "stopped.jsonl") == lines


def test_lines_beyond_the_last_checkpoint_are_cut_off_and_written_again(tmp_path):
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    filled(whole, 9, 9)
    filled(killed, 9, 7)
    filled(killed, 9, 9, start=4)
    assert read_history(killed) == read_history(whole)


def test_another_attempt_comes_behind_the_first(tmp_path):
    path = tmp_path / "history.jsonl"
    filled(path, 6, 3)
    filled(path, 6, 2, attempt=1)
    assert [(line["attempt"], line["step"]) for line in read_history(path)] == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]


def test_a_line_that_a_kill_cut_off_ends_what_is_read(tmp_path):
    path = tmp_path / "history.jsonl"
    filled(path, 4, 3)
    path.write_text(path.read_text()[:-9])
    assert [line["step"] for line in read_history(path)] == [1, 2]


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    filled(None, 3, 3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damaged", ["\xff", "[1]", "[" * 5000, '{"step": 9}', '{"losses": 3}', "9" * 5000])
def test_a_damaged_line_ends_what_is_read(tmp_path, damaged):
    path = tmp_path / "history.jsonl"
    filled(path, 4, 2)
    path.write_bytes(path.read_bytes() + damaged.encode("latin-1") + b"\n")
    assert [line["step"] for line in read_history(path)] == [1, 2]
