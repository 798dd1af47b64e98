"""What is written of runs that decided, and of those that adapted: from artefacts of an earlier version, which have both."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.runs.run import Run
from headstart.tracking.contents import Table, contents_of_run
from headstart.tracking.trackers.base import as_markdown

OLD = Path(__file__).parent.parent / "old_artefacts" / "format_1" / "runs"
RUNS = {name: Run(OLD / name) for name in sorted(path.name for path in OLD.iterdir())}


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.decision])
def test_a_decision_is_its_verdict_gain_and_candidates(name):
    run = RUNS[name]
    contents = contents_of_run(run)
    decision, table = run.decision, contents.tables["candidates"]
    assert (contents.texts["verdict"], contents.texts["decision"]) == (decision.verdict, decision.sentence)
    gain = [contents.metrics[f"gain{end}"] for end in ("", "_low", "_high")]
    assert gain == [decision.gain.value, decision.gain.low, decision.gain.high]
    assert [row[0] for row in table.rows] == [one.name for one in decision.results]
    column = table.columns.index("accuracy_low")
    assert [row[column] for row in table.rows] == [one.accuracy.low if one.accuracy else "" for one in decision.results]
    assert not any(name.startswith(("reasons", "rejected", "verdict")) for name in contents.parameters)


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.adaptation])
def test_an_adaptation_is_its_estimate_and_the_scores_of_its_candidates(name):
    adaptation, contents = RUNS[name].adaptation, contents_of_run(RUNS[name])
    assert contents.metrics["estimated_accuracy"] == adaptation.accuracy.value
    assert (contents.texts["verdict"], contents.texts["decision"]) == (adaptation.verdict, adaptation.sentence)
    assert [row[0] for row in contents.tables["candidates"].rows] == [one.name for one in adaptation.candidates]
    assert [row[1] == "chosen" for row in contents.tables["candidates"].rows] == [
        one.name in adaptation.chosen for one in adaptation.candidates
    ]


def test_both_kinds_of_runs_are_there():
    assert any(run.decision for run in RUNS.values())
    assert any(run.adaptation for run in RUNS.values())


def test_names_with_bars_do_not_break_a_table():
    assert as_markdown(Table(("a", "b"), (("x|y", 0.123456), ("two\nlines", 3)))).splitlines()[2:] == [
        "| x\\|y | 0.1235 |", "| two lines | 3 |",
    ]  # fmt: skip
