from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from headstart.core.steps import Steps
from headstart.data.reading import read_task
from headstart.planning.deciding import trained
from headstart.planning.deciding.trained import scratch_candidate, scratch_network
from headstart.planning.deciding.trials import Trials


@pytest.mark.parametrize(("side", "name"), [(8, "small_cnn"), (47, "small_cnn"), (48, "small_resnet"), (300, "small_resnet")])
def test_the_network_from_scratch_is_residual_from_a_side_of_48_on(side: int, name: str) -> None:
    assert scratch_network(replace(read_task("digits", per_class=2), native_pixels=side)) == name


@pytest.mark.parametrize(
    ("price", "share"), [(59.9, 1.0), (120.0, 0.5), (10_000.0, 0.25)], ids=["fits", "half fits", "hardly any fits"]
)
def test_epochs_from_scratch_are_cut_to_the_share_of_the_budget(
    price: float, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = read_task("digits", per_class=10)
    monkeypatch.setattr(trained, "seconds_of_fit", lambda *_: price)
    monkeypatch.setattr(trained, "folds_to_race", lambda task: task.folds[:1])
    monkeypatch.setattr(trained, "SCRATCH_SHARE", 0.6)
    trials = Trials(task, Steps(tmp_path), budget_seconds=100.0)
    candidate = scratch_candidate(trials)
    assert candidate.training.epochs == 720 * share
    assert trials.wholes == ({} if share == 1 else {candidate.name: (price, pytest.approx(price / 0.6))})


def test_the_first_fold_from_scratch_fits_into_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "seconds_of_fit", lambda *_: 50.0)
    monkeypatch.setattr(trained, "folds_to_race", lambda task: task.folds[:1])
    trials = Trials(read_task("digits", per_class=10), Steps(tmp_path), budget_seconds=100.0, spent_seconds=75.0)
    assert scratch_candidate(trials).training.epochs == 360
