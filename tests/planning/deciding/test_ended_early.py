"""A training that the time of the run ends is judged as far as it came, without another step."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError
from headstart.data.reading import read_task
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import fold_inputs, fold_model
from headstart.planning.deciding.decide import _plan
from headstart.planning.deciding.ended_early import ended_early
from headstart.planning.deciding.trials import Trials
from headstart.planning.fitting import fit_plan, to_its_end
from headstart.planning.results import CandidateResult
from headstart.training import loop
from headstart.training.settings import Training

STEPS = 20


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the loop asked whether to stop, and the turn at which it has to."""
    counted = [0, 0, 0]

    def stop_if_asked() -> None:
        counted[0] += 1
        if counted[0] == counted[1]:
            raise StoppedError("over" if not counted[2] else "interrupted")

    monkeypatch.setattr(loop, "stop_if_asked", stop_if_asked)
    return counted


@pytest.fixture
def trials(tmp_path) -> Trials:
    return Trials(read_task("digits", per_class=10), Steps(tmp_path / "steps"), 100.0)


def scratch(trials: Trials) -> Candidate:
    method = settings_of(method_from({"kind": "fine_tune"}))
    rows = len(trials.task.folds[0].fit)
    training = Training(epochs=STEPS, batch_size=rows)
    return trials.candidate("scratch", "small_cnn", method, training)


def raced(trials: Trials) -> CandidateResult:
    trials.race([scratch(trials)])
    return trials.validated[-1].result


@pytest.mark.slow
def test_what_was_learned_until_the_time_was_over_is_judged_and_kept(trials, asked) -> None:
    asked[1] = 11
    result = raced(trials)
    assert (result.status, result.num_folds, result.training.stop_after) == ("fitted", 1, 10)
    assert result.reason.startswith(
        f"stopped after 1 of {len(trials.task.folds)} folds: the time was over after 10 of 20 steps of its training: "
    )
    assert asked[0] == 11
    candidate = trials.validated[-1].candidate
    model = fold_model(trials.task, candidate, trials.backbone(candidate), 0, trials.steps)
    rows = trials.task.labeled.take(trials.task.folds[0].held_out)
    assert asked[0] == 11  # the model was kept
    kept = trials.validated[-1].predictions
    assert (model.predict(rows).predicted == kept.predicted).mean() == 1.0
    assert trials.stopped == "over"
    assert trials.best == result.accuracy


@pytest.mark.slow
def test_a_training_that_time_ended_elsewhere_is_judged_without_another_step(trials, asked, elsewhere, monkeypatch) -> None:
    monkeypatch.setattr("headstart.core.steps.has_to_stop", lambda: True)
    asked[1] = 11
    result = raced(trials)
    assert (result.status, result.num_folds, result.training.stop_after) == ("fitted", 1, 10)
    assert asked[0] == 11
    assert len(elsewhere.ran) == 2
    assert len(elsewhere.cancelled) == len(trials.task.folds) - 1


@pytest.mark.slow
def test_what_time_ended_and_is_chosen_alone_is_not_trained_again(trials, asked, tmp_path) -> None:
    asked[1] = 11
    raced(trials)
    decision = SimpleNamespace(verdict="scratch", reasons=(), rejected=())
    plan = _plan(trials, trials.validated[-1], decision, None)
    assert (plan.hold_out, plan.fold_models, plan.training.stop_after) == (True, None, 10)
    fit_plan(trials.task, plan, tmp_path / "model", trials.steps, tmp_path / "workspace")
    assert asked[0] == 11
    rows = trials.task.labeled.take(trials.task.folds[0].held_out)
    found = Model.load(tmp_path / "model").predict(rows)
    np.testing.assert_allclose(found.probs, trials.validated[-1].predictions.probs, atol=1e-5)
    whole = to_its_end(trials.task, plan)
    assert (whole.hold_out, whole.training.stop_after) == (False, 0)


@pytest.mark.slow
def test_with_more_minutes_the_training_goes_on_from_where_it_ended(trials, asked) -> None:
    asked[1] = 11
    raced(trials)
    again = Trials(trials.task, trials.steps, 1_000.0)
    result = raced(again)
    assert result.training.stop_after == 0
    assert asked[0] == 11 + 10 + STEPS * (result.num_folds - 1)


@pytest.mark.slow
@pytest.mark.parametrize(("turn", "interrupted"), [(4, 0), (1, 0), (11, 1)])
def test_what_has_hardly_begun_or_the_user_ended_is_not_judged(trials, asked, turn, interrupted) -> None:
    asked[1:] = turn, interrupted
    result = raced(trials)
    assert (result.status, result.training.stop_after) == ("skipped", 0)


def test_checkpoints_that_lie_elsewhere_are_not_handed_over(trials) -> None:
    candidate = scratch(trials)
    backbone = trials.backbone(candidate)
    assert ended_early(trials.task, candidate, backbone, trials.steps, StoppedError("over", 10, 20)) is None
    folder = trials.steps.folder / trials.steps.stem("fold", fold_inputs(trials.task, candidate, backbone, 0))
    assert not folder.exists()
