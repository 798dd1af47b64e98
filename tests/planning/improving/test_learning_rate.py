from __future__ import annotations

import json
from pathlib import Path

import pytest

from headstart.cli._finish import finish_run
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.planning.improving.learning_rate import with_found_learning_rate
from headstart.planning.plan import Plan
from headstart.runs.run import Run
from headstart.training import learning_rate_finder
from headstart.training.settings import Training
from headstart.workflows.fit import fit


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_rate_finder, "NUM_STEPS", 15)


def plan_of(kind: str, **other: object) -> Plan:
    training = Training(epochs=2, batch_size=7, lr=0.02)
    return Plan(
        data="squares", pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": kind}, training=training, **other
    )


def test_the_plan_takes_the_rate_and_says_why(pictures: Task) -> None:
    plan, curve = with_found_learning_rate(pictures, plan_of("fine_tune", reasons=("Because.",)))
    assert plan.training == plan_of("fine_tune").training.model_copy(update={"lr": curve.suggested})
    assert curve.before == 0.02
    assert plan.reasons == ("Because.", curve.sentence)
    assert with_found_learning_rate(pictures, plan_of("fine_tune", reasons=("Because.",))) == (plan, curve)


def test_a_closed_form_has_no_rate(pictures: Task) -> None:
    with pytest.raises(PlanError) as error:
        with_found_learning_rate(pictures, plan_of("ridge"))
    assert str(error.value) == "ridge is solved in closed form and takes no steps, so there is no step size to find."


def test_several_trainings_have_no_single_rate(pictures: Task) -> None:
    with pytest.raises(PlanError) as error:
        with_found_learning_rate(pictures, plan_of("model_soup"))
    assert str(error.value) == (
        "model_soup trains several times, each with a step size of its own, and one test does not find them all. "
        "Fit fine_tune or lp_ft with --find-rate and set training.lr to what it finds."
    )


@pytest.mark.slow
def test_the_command_says_which_rate_it_found(
    pictures: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    found = fit(pictures, plan_of("fine_tune"), tmp_path / "run", find_rate=True)
    finish_run(found, as_json=False)
    assert found.rate_curve is not None
    assert f"Step size {found.rate_curve.sentence}" in " ".join(capsys.readouterr().out.split())
    finish_run(fit(pictures, plan_of("fine_tune"), tmp_path / "plain"), as_json=False)
    assert "Step size" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_fitted_run_keeps_the_curve_and_its_report_draws_it(pictures: Task, tmp_path: Path) -> None:
    made = fit(pictures, plan_of("fine_tune"), tmp_path / "run", find_rate=True)
    curve = Run.load(tmp_path / "run").rate_curve
    assert curve is not None
    assert made.plan.training.lr == curve.suggested == json.loads((tmp_path / "run" / "rate_curve.json").read_text())["suggested"]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert 'id="rate"' in page
    assert f"the chosen one is {curve.suggested:.2g}." in page
    plain = fit(pictures, plan_of("fine_tune"), tmp_path / "plain")
    assert plain.rate_curve is None
    assert plain.plan.training.lr == 0.02
    assert 'id="rate"' not in (tmp_path / "plain" / "report.html").read_text(encoding="utf-8")
