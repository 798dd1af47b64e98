"""The quick table runs benchmarks that exist, with options that they take, and says what was met, missed, failed or left out."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks import protocol, quick
from benchmarks.quick import PARTS, Figure, Part, finished, lines_of, measured, met, rows_of, value_of

FAST = Figure("rate / loop", "a / b", "at least", 6.0)
SHORT = Figure("seconds", "s", "at most", 2.0)
PART = Part("extraction", ("--seeds", "1"), (FAST, SHORT), 9.0)


@pytest.mark.parametrize("part", PARTS, ids=[f"{part.module} {' '.join(part.options)}" for part in PARTS])
def test_a_part_is_a_benchmark_that_takes_its_options(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"benchmarks.{part.module}")
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    asked: list[object] = []

    def stop(*_: object, **more: object) -> object:
        asked.append(arguments(*_, **more))
        raise KeyboardInterrupt

    arguments = protocol.arguments
    monkeypatch.setattr(module, "arguments", stop)
    monkeypatch.setattr(sys, "argv", ["x", *part.options, "--out", "y"])
    with pytest.raises(KeyboardInterrupt):
        module.main()
    assert len(asked) == 1
    assert part.figures
    assert "show(" in text or "json.dumps(" in text


def test_the_limits_of_all_parts_are_at_most_twice_the_ten_minutes_after_which_the_table_ends() -> None:
    assert sum(part.seconds for part in PARTS) <= 2 * 60 * quick.MINUTES


def test_rows_are_read_from_tables_and_from_single_lines() -> None:
    output = "title\n a  b\n" + json.dumps({"title": "t", "rows": [{"a": 1}, {"a": 3}]}) + "\n" + json.dumps({"a": 8}) + "\n"
    rows = list(rows_of(output))
    assert rows == [{"a": 1}, {"a": 3}, {"a": 8}]
    assert value_of(Figure("", "a", "at most", 1.0), rows) == 3.0
    assert value_of(Figure("", "z", "at most", 1.0), rows) is None


def test_a_value_is_held_against_its_aim() -> None:
    assert met(FAST, 6.0)
    assert not met(FAST, 5.99)
    assert met(SHORT, 2.0)
    assert not met(SHORT, 2.01)
    assert lines_of(PART, [{"a / b": 7.25, "s": 3.0}]) == [
        ("rate / loop: 7.25 (at least 6: met)", True),
        ("seconds: 3 (at most 2: MISSED)", False),
    ]
    assert lines_of(PART, [{"s": 1.0}])[0] == ("rate / loop: extraction prints no 'a / b'", False)


def _answers(monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str) -> list[list[str]]:
    commands: list[list[str]] = []

    def finished(command: list[str], *_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, code, out, err)

    monkeypatch.setattr(quick, "finished", finished)
    return commands


def test_a_part_that_fails_or_is_stopped_is_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _answers(monkeypatch, 1, "", "Traceback\nValueError: nothing there\n")
    assert measured(PART, tmp_path, 5.0) == [("extraction: failed (ValueError: nothing there)", False)]

    monkeypatch.setattr(quick, "finished", lambda *_: None)
    assert measured(PART, tmp_path, 5.0) == [("extraction: stopped after 5 seconds", False)]


def test_the_table_names_the_machine_and_what_was_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(quick, "PARTS", (PART,))
    monkeypatch.setattr(quick, "machine_line", lambda: "2 cores of some kind")
    commands = _answers(monkeypatch, 0, json.dumps({"rows": [{"a / b": 9, "s": 1}]}), "")
    monkeypatch.setattr(sys, "argv", ["quick", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_of:
        quick.main()
    assert exit_of.value.code == 0
    assert commands == [[sys.executable, "-m", "benchmarks.extraction", "--seeds", "1", "--out", str(tmp_path)]]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["2 cores of some kind", "rate / loop: 9 (at least 6: met)", "seconds: 1 (at most 2: met)"]
    assert lines[-1] == "2 of 2 met"
    monkeypatch.setattr(sys, "argv", ["quick", "--minutes", "0.1"])
    with pytest.raises(SystemExit) as exit_of:
        quick.main()
    assert exit_of.value.code == 1
    assert "extraction: left out, no time is left; --minutes gives more" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups")
def test_a_part_that_is_stopped_leaves_no_process_behind(tmp_path: Path) -> None:
    child = tmp_path / "child.txt"
    inner = f"import os, pathlib, time; pathlib.Path({str(child)!r}).write_text(str(os.getpid())); time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert finished([sys.executable, "-c", outer], dict(os.environ), 5.0) is None
    state = Path(f"/proc/{child.read_text()}/status")
    for _ in range(50):
        if not state.exists() or "zombie" in state.read_text():
            return
        time.sleep(0.1)
    raise AssertionError("the child lives on")


def test_a_part_that_ends_in_time_gives_what_it_printed() -> None:
    done = finished([sys.executable, "-c", "import sys; print('out'); sys.exit('err')"], dict(os.environ), 30.0)
    assert done is not None
    assert (done.returncode, done.stdout, done.stderr) == (1, "out\n", "err\n")
