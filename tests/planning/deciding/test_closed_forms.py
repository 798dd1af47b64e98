"""Closed forms that are tried: which, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.core.steps import Steps
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.planning.deciding import closed_forms
from headstart.planning.deciding.closed_forms import VIEWS, baselines, on_labeled_rows
from headstart.planning.deciding.flip_test import FlipTest
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.trials import Trials

LITE = "efficientnet_lite0"


class _Ranking:
    """One network."""

    chosen = (LITE,)
    candidates = ()
    distinguishable = True


@pytest.fixture
def digits() -> Task:
    return read_task("digits", per_class=10)


def names(trials: Trials) -> list[str]:
    return [one.name for one in on_labeled_rows(trials, _Ranking(), Options())]  # type: ignore[arg-type]


def flip_test_that(helps: bool) -> FlipTest:
    return FlipTest(helps=helps, accuracy_gain=0.0, log_loss_gain=0.0, standard_errors=0.0, num_rows=100, seconds=1.0)


def test_the_default_head_comes_first_and_its_views_after_all_other_heads(digits: Task, tmp_path: Path) -> None:
    trials = Trials(digits, Steps(tmp_path), budget_seconds=0.0)
    assert names(trials) == [
        "ridge on stages+pixels of efficientnet_lite0 at 96 pixels",
        "kernel_ridge on stages+pixels of efficientnet_lite0 at 96 pixels",
        "ridge on penultimate of efficientnet_lite0 at 96 pixels",
        "logistic on stages+pixels of efficientnet_lite0 at 96 pixels",
        f"ridge on stages+pixels of efficientnet_lite0 at 96 pixels with {VIEWS} views",
    ]


@pytest.mark.parametrize("helps", [True, False])
def test_views_are_flipped_where_that_helps(helps: bool, digits: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(closed_forms, "flip_test", lambda *arguments: asked.append(arguments) or flip_test_that(helps))
    trials = Trials(digits, Steps(tmp_path), budget_seconds=1_000.0)
    first, second = (list(on_labeled_rows(trials, _Ranking(), Options()))[-1] for _ in range(2))  # type: ignore[arg-type]
    assert first == second
    assert first.method["flip"] is helps
    assert len(asked) == len(trials.notes) == 1


def test_with_many_rows_no_views_are_tried(digits: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = Trials(digits, Steps(tmp_path), budget_seconds=0.0)
    assert [one.name for one in baselines(trials)] == [
        "ridge on raw pixels",
        "kernel_ridge on raw pixels",
        f"kernel_ridge on raw pixels with {VIEWS} views",
    ]
    monkeypatch.setattr(closed_forms, "MOST_WITH_VIEWS", 99)
    assert [one.name for one in baselines(trials)] == ["ridge on raw pixels", "kernel_ridge on raw pixels"]
    assert not any("views" in name for name in names(trials))


def test_the_features_of_views_have_their_price(digits: Task, tmp_path: Path) -> None:
    trials = Trials(digits, Steps(tmp_path), budget_seconds=0.0)
    plain, *_, views = on_labeled_rows(trials, _Ranking(), Options())  # type: ignore[arg-type]
    assert trials.price_of_features(views) == pytest.approx((1 + VIEWS) * trials.price_of_features(plain))
