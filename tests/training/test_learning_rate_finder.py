from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.core.errors import TrainingError
from headstart.data.streams import Stream
from headstart.training import learning_rate_finder
from headstart.training.learner import Classifier
from headstart.training.learning_rate_finder import (
    HIGHEST,
    LOWEST,
    NUM_STEPS,
    LearningRateCurve,
    learning_rate_curve,
    smoothed,
    suggested_rate,
)
from headstart.training.settings import Training

GRID = np.geomspace(1e-4, 1.0, 41)


def test_smoothing_is_the_weighted_mean_of_what_was_seen() -> None:
    losses = [3.0, 1.0, 4.0, 1.0, 5.0]
    weights = 0.9 ** np.arange(5)[::-1]
    for count in range(1, 6):
        expected = np.average(losses[:count], weights=weights[-count:])
        assert smoothed(losses)[count - 1] == pytest.approx(expected, rel=1e-9)


def test_of_a_valley_the_far_edge_counts() -> None:
    losses = 1 + np.log10(GRID / 0.01) ** 2  # lowest at 0.01; a tenth higher at 0.01 * 10^0.316
    end = 0.01 * 10 ** np.sqrt(0.1)
    edge = GRID[end >= GRID].max()
    assert suggested_rate(GRID, losses) == pytest.approx(edge / 10, rel=0.05)


def test_a_loss_that_is_flat_until_it_breaks_away_gives_a_tenth_of_where_it_breaks() -> None:
    losses = np.where(GRID < 0.05, 0.4, 3.0)
    assert suggested_rate(GRID, losses) == pytest.approx(GRID[GRID < 0.05].max() / 10, rel=0.05)


def test_a_loss_that_never_rises_gives_a_tenth_of_the_last_rate() -> None:
    assert suggested_rate([0.1, 1.0, 10.0], [3.0, 2.0, 1.0]) == 1.0


@pytest.mark.slow
@given(st.lists(st.floats(0.1, 9), min_size=1, max_size=41), st.floats(0.5, 4))
def test_the_suggestion_lies_in_the_range_and_does_not_depend_on_the_loss_s_unit(losses: list[float], factor: float) -> None:
    found = suggested_rate(GRID[: len(losses)], losses)
    assert 0.9e-5 <= found <= 0.11
    if factor in {0.5, 1.0, 2.0, 4.0}:
        assert suggested_rate(GRID[: len(losses)], [factor * loss for loss in losses]) == found


def test_the_sentence_says_what_was_found() -> None:
    curve = LearningRateCurve(learning_rates=(0.001, 0.01, 0.1), losses=(2.0, 1.25, 6.0), suggested=0.001, before=0.02)
    assert curve.sentence == (
        "training.lr = 0.001, a tenth of the largest step size at which the loss was still low; at 0.1 the loss had broken away "
        "(lowest 1.25, 3 steps; it was 0.02 before)."
    )
    open_ended = LearningRateCurve(learning_rates=(0.1, 10.0), losses=(2.0, 1.0), suggested=1.0, before=0.02)
    assert "; the loss never broke away (lowest 1," in open_ended.sentence


@pytest.mark.slow
def test_rates_grow_by_equal_factors_and_every_group_keeps_its_share(
    new_learner: Callable[[], Classifier], streams: dict[str, Stream], losses: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped: list[list[float]] = []
    whole = learning_rate_finder.fit_for

    def watched(*args, **kwargs):
        fit = whole(*args, **kwargs)
        inner = fit.step

        def step(trained, number):
            found = inner(trained, number)
            stepped.append([group["lr"] for group in trained.optimizer.param_groups])
            return found

        fit.step = step
        return fit

    monkeypatch.setattr(learning_rate_finder, "fit_for", watched)
    learner = new_learner()
    learner.body_scale, learner.stage_decay = 0.5, 0.1
    curve = learning_rate_curve(learner, streams, losses, Training(batch_size=7, lr=0.3, warmup=0.4))
    learning_rates = np.array(stepped)
    assert len(learning_rates) == len(curve.learning_rates)
    np.testing.assert_allclose(learning_rates[:, -1], curve.learning_rates)
    np.testing.assert_allclose(learning_rates[1:] / learning_rates[:-1], (HIGHEST / LOWEST) ** (1 / (NUM_STEPS - 1)))
    np.testing.assert_allclose(sorted(set(np.round(learning_rates[0] / LOWEST, 9))), [0.005, 0.05, 0.5, 1.0])
    assert curve.before == 0.3


@pytest.mark.slow
def test_a_fit_that_learns_gets_a_rate_at_which_it_learns(
    new_learner: Callable[[], Classifier], streams: dict[str, Stream], losses: Callable
) -> None:
    curve = learning_rate_curve(new_learner(), streams, losses, Training(batch_size=7))
    assert len(curve.learning_rates) == len(curve.losses) <= NUM_STEPS
    assert 1e-4 < curve.suggested < 1
    assert min(curve.losses) < 0.5 * curve.losses[0]


def test_a_hundred_times_the_rate_that_it_takes_breaks_away_and_ends_the_test(
    new_learner: Callable[[], Classifier], streams: dict[str, Stream]
) -> None:
    steps: list[int] = []

    def steep(learner: Classifier, batch: dict, progress: float) -> dict[str, torch.Tensor]:
        steps.append(len(steps))
        return {"steep": 1 + 1e4 * learner.head.bias.square().sum()}

    curve = learning_rate_curve(new_learner(), streams, steep, Training(batch_size=7, optimizer="sgd", momentum=0.0, clip=0.0))
    assert len(steps) < NUM_STEPS
    assert 1 / (2 * 1e4) / 30 < curve.suggested < 1 / 1e4  # gradient descent on it breaks away at rates above 1e-4


@pytest.mark.slow
def test_more_steps_than_the_fit_has_count_as_its_end(
    new_learner: Callable[[], Classifier], streams: dict[str, Stream], losses: Callable
) -> None:
    seen: list[float] = []

    def watched(learner: Classifier, batch: dict, progress: float) -> dict[str, torch.Tensor]:
        seen.append(progress)
        return losses(learner, batch, progress)

    learning_rate_curve(new_learner(), streams, watched, Training(epochs=2, batch_size=7))
    assert len(seen) > 9
    assert seen[:9] == [step / 9 for step in range(9)]
    assert set(seen[9:]) == {1.0}


def test_the_test_ends_where_the_smoothed_loss_is_four_times_its_lowest(
    new_learner: Callable[[], Classifier], streams: dict[str, Stream]
) -> None:
    script = iter([1.0] * 30 + [10.0] * 70)

    def scripted(learner: Classifier, batch: dict, progress: float) -> dict[str, torch.Tensor]:
        return {"scripted": next(script) + 0.0 * learner.head.bias.sum()}

    curve = learning_rate_curve(new_learner(), streams, scripted, Training(batch_size=7))
    # 1 + 9 (1 - 0.9^4) / (1 - 0.9^34) is the first above 4
    assert len(curve.learning_rates) == 34
    assert curve.losses[-2] < 4 < curve.losses[-1]
    assert curve.suggested == pytest.approx(curve.learning_rates[29] / 10, rel=0.05)


def test_the_same_arguments_give_the_same_curve_and_the_global_stream_is_left_alone(
    new_learner: Callable[[], Classifier], streams: dict[str, Stream], losses: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning_rate_finder, "NUM_STEPS", 20)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = learning_rate_curve(new_learner(), streams, losses, Training(batch_size=7))
    torch.manual_seed(7)
    second_learner = new_learner()
    torch.manual_seed(7)
    second = learning_rate_curve(second_learner, streams, losses, Training(batch_size=7))
    assert torch.equal(torch.rand(3), expected)
    assert first == second


def test_a_loss_that_is_not_finite_from_the_start_is_refused(
    new_learner: Callable[[], Classifier], streams: dict[str, Stream]
) -> None:
    def broken(learner: Classifier, batch: dict, progress: float) -> dict[str, torch.Tensor]:
        return {"broken": learner.head.bias.sum() * torch.nan}

    with pytest.raises(TrainingError) as error:
        learning_rate_curve(new_learner(), streams, broken, Training(batch_size=7))
    assert str(error.value) == "loss was nan before the first step, so that no step size can be found. Check the pictures."
