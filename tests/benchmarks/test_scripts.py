"""Every benchmark can be imported, says what it is, and lists its options; files that a profile names exist."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
from benchmarks import exporting, profile_run, protocol

import headstart

FOLDER = Path(protocol.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
LIBRARIES_OF_THEIR_OWN = {"fastai", "autogluon", "litserve"}
"""Peers that run in another environment: scripts that import them are read, not run."""


def _imported(name: str) -> object:
    try:
        return importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in LIBRARIES_OF_THEIR_OWN:
            pytest.skip(f"{error.name} is not installed here")
        raise


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_is_imported_and_lists_its_options(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = _imported(name)
    assert module.__doc__
    if not hasattr(module, "main") or name.startswith("_"):
        return
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as exit_of:
        module.main()
    assert exit_of.value.code in (0, None)
    assert "--seeds" in capsys.readouterr().out


@pytest.mark.parametrize("file", [file for _, file in (*profile_run.STAGES, *profile_run.PARTS) if file != profile_run.IMPORTING])
def test_a_profile_names_files_that_exist(file: str) -> None:
    assert (Path(headstart.__file__).parent / file).exists()


def test_samples_are_counted_by_stage_and_part() -> None:
    top = "thread (2): MainThread;<module> (headstart/__main__.py:1)"
    reading = f"{top};run (/x/headstart/workflows/run.py:1);read_task (/x/headstart/data/reading.py:3)"
    solving = f"{top};rank (/x/headstart/planning/ranking/rank.py:1);fit (/x/headstart/heads/ridge_leave_one_out.py:1)"
    rows = profile_run.by_part([(reading, 1), (solving, 3)], 8.0)
    assert [(row["stage"], row["part"], row["seconds"]) for row in rows] == [
        ("ranking", "heads in closed form", 6.0),
        ("reading the data", "else", 2.0),
    ]


def test_a_table_names_the_machine_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(protocol, "machine_line", lambda: "2 cores of some kind")
    protocol.show("title", [{"rate": 2.0, "ratio": 4.0}], ["rate"], ["ratio"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["title", "on 2 cores of some kind"]
    assert json.loads(lines[-1])["machine"] == "2 cores of some kind"


def test_without_runs_exporting_says_how_to_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["exporting"])
    with pytest.raises(SystemExit, match=r"^Name the folders of finished runs, whose data are still there, with --runs\.$"):
        exporting.main()
