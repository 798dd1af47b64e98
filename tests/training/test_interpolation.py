from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from headstart.core.types import Floats
from headstart.training.interpolation import State, average, best_share, greedy_mean, mean_of, state_of
from headstart.training.learner import Classifier

New = Callable[[], Classifier]


def same(first: State, second: State) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_the_average_is_the_beginning_at_0_and_the_end_at_1(new_learner: New) -> None:
    first = state_of(new_learner())
    second = {name: tensor + 1 for name, tensor in first.items()}
    assert same(average(first, second, 0.0), {**second, **{n: t for n, t in first.items() if t.dtype.is_floating_point}})
    assert same(average(first, second, 1.0), second)
    halfway = average(first, second, 0.5)["head.weight"]
    torch.testing.assert_close(halfway, first["head.weight"] + 0.5)


def test_the_mean_is_taken_weight_by_weight_and_integers_are_the_first_one_s() -> None:
    states = [
        {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)},
        {"a": torch.tensor([3.0, 8.0]), "n": torch.tensor(5)},
        {"a": torch.tensor([5.0, -1.0]), "n": torch.tensor(7)},
    ]
    assert same(mean_of(states), {"a": torch.tensor([3.0, 3.0]), "n": torch.tensor(3)})


class CrossValidated:
    """Rows whose losses depend on one bias: the nearer to the aim, the smaller."""

    def __init__(self, learner: Classifier, aim: float) -> None:
        self.learner = learner
        self.aim = aim

    def losses(self) -> Floats:
        miss = abs(float(self.learner.head.bias[0].detach()) - self.aim)
        return np.array([miss, miss + 1.0])


def biased(learner: Classifier, value: float) -> State:
    return {name: torch.full_like(tensor, value) if name == "head.bias" else tensor for name, tensor in state_of(learner).items()}


@pytest.mark.parametrize(("aim", "share"), [(-9.0, 0.0), (3.1, 0.3), (99.0, 1.0)])
def test_the_share_is_the_one_that_held_out_rows_like_best(new_learner: New, aim: float, share: float) -> None:
    learner = new_learner()
    beginning, end = biased(learner, 0.0), biased(learner, 10.0)
    learner.load_state_dict(end)
    found, losses = best_share(learner, beginning, CrossValidated(learner, aim))  # type: ignore[arg-type]
    miss = abs(10 * share - aim)
    assert found == pytest.approx(share)
    np.testing.assert_allclose(losses, [miss, miss + 1], rtol=1e-5)
    assert same(state_of(learner), end)


def test_a_greedy_mean_takes_in_what_does_not_raise_the_held_out_loss(new_learner: New) -> None:
    learner = new_learner()
    states = [biased(learner, value) for value in (9.0, 2.0, 6.0, 5.0)]
    # 5 alone misses by 1, with 2 by a half, with 2 and 6 by a third; with 9 on top it would miss by one and a half.
    found = greedy_mean(learner, states, CrossValidated(learner, 4.0))  # type: ignore[arg-type]
    torch.testing.assert_close(found["head.bias"], torch.full((3,), 13 / 3))
    assert same({"bias": learner.state_dict()["head.bias"]}, {"bias": found["head.bias"]})


def test_a_greedy_mean_of_what_does_harm_is_the_best_alone(new_learner: New) -> None:
    learner = new_learner()
    states = [biased(learner, value) for value in (11.0, 4.0, 7.0)]
    found = greedy_mean(learner, states, CrossValidated(learner, 4.0))  # type: ignore[arg-type]
    assert same(found, states[1])
