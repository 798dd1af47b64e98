"""A run's log, rates and decision become a table of workers; what cannot be simulated is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import headstart
from headstart.core.errors import DataError, PlanError
from headstart.core.language import language_named

OLD = Path(__file__).parents[1] / "old_artefacts" / "format_1" / "runs"


def test_a_run_of_closed_forms_gains_nothing():
    found = headstart.simulate(OLD / "embeddings", workers=[1, 8], price=0.5)
    one, eight = found.workers
    assert found.num_works == 0
    assert one.seconds == eight.seconds == pytest.approx(found.one_process_seconds)
    assert eight.cost == pytest.approx(8 * one.cost) == pytest.approx(0.5 * eight.machine_hours)


@pytest.fixture
def trained(tmp_path):
    """A run whose decision trained a candidate on three folds."""
    folder = tmp_path / "run"
    shutil.copytree(OLD / "embeddings", folder)
    decision = headstart.Run.load(folder).decision
    *others, last = decision.results
    network = last.model_copy(update={"method": {"kind": "fine_tune"}, "partners": (), "num_folds": 3, "seconds": 90.0})
    decided = decision.model_copy(update={"results": (*others, network)})
    (folder / "decision.json").write_text(decided.to_json(), encoding="utf-8")
    steps = [("rank", 10.0), *[("fold", 30.0)] * 3, ("decide", 95.0), ("fit", 5.0)]
    log = "".join(f"{name}-0123456789abcdef\t{seconds:.3f}\n" for name, seconds in steps)
    (folder / "steps" / "log.tsv").write_text(log, encoding="utf-8")
    return folder


def test_folds_that_train_run_together(trained):
    found = headstart.simulate(trained, workers=[1, 3, 16])
    assert [round(row.seconds) for row in found.workers] == [110, 50, 50]
    assert found.sentence.startswith(
        "No number of workers takes less than 50.1 s: steps wait for each other (training 30.0 s, rank "
    )


def test_the_command_prints_a_table_that_fits_and_the_same_as_json(trained, headstart_command):
    shown = headstart_command("cluster", "simulate", trained, "--workers", "1,4,1000", "--price", "2")
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["workers", "time", "speed-up", "efficiency", "machine-hours", "cost"]
    assert lines[2].split()[:4] == ["1", "110.3", "s", "1.00"], lines
    assert lines[4].split()[0] == "1,000"
    found = json.loads(headstart_command("cluster", "simulate", trained, "--workers", "1,4,1000", "--price", "2", "--json").out)
    assert [row["num_workers"] for row in found["workers"]] == [1, 4, 1000]
    chinese = headstart_command("cluster", "simulate", trained, "--language", "zh").out
    assert chinese.split()[:3] == ["工作节点", "时间", "加速比"]


def test_what_cannot_be_simulated_is_refused_in_both_languages(tmp_path, trained, headstart_command):
    (trained / "steps" / "log.tsv").unlink()
    refusals = {}
    for options, kind in (({}, DataError), ({"price": -1.0}, PlanError), ({"lost_every": 0.0}, PlanError)):
        with pytest.raises(kind) as refused:
            headstart.simulate(trained, **options)
        refusals[str(refused.value)] = kind
    assert list(refusals) == [
        f"{trained} has no log of steps to simulate. Name a run that was made by `headstart run`.",
        "--price -1.0 is less than nothing. Give the price of a machine-hour.",
        "--lost-every 0.0 is no time. Give hours, more than 0.",
    ]
    answer = headstart_command("cluster", "simulate", trained, "--workers", "one")
    assert (answer.code, answer.err) == (2, 'error: --workers "one" is no list of numbers. Write them as 1,4,16.\n')
    for sentence in (
        *refusals,
        '--workers "one" is no list of numbers. Write them as 1,4,16.',
        "0 workers can do nothing. Give 1 or more.",
    ):
        assert not language_named("zh").sentence(sentence).isascii()
