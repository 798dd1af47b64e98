from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, logits

from headstart.methods.semi.flex_match import FlexMatch, SureClasses, curriculum

TRAIN = logits([0.7, 0.2, 0.1])
WEAK = logits([0.96, 0.03, 0.01], [0.1, 0.3, 0.6], [0.3, 0.5, 0.2])
STRONG = logits([0.3, 0.5, 0.2], [0.1, 0.2, 0.7], [0.25, 0.5, 0.25])


def remembering(classes: list[int]) -> SureClasses:
    memory = SureClasses(len(classes))
    memory.classes.copy_(torch.tensor(classes))
    return memory


@pytest.mark.parametrize(
    ("counts", "num_unsure", "expected"),
    [
        ([6, 3, 0], 2, [1, 0.5 / 1.5, 0]),
        ([6, 3, 0], 12, [0.5 / 1.5, 0.25 / 1.75, 0]),
        ([0, 0, 0], 7, [0, 0, 0]),
        ([0, 0, 0], 0, [0, 0, 0]),
    ],
)
def test_thresholds_are_low_for_classes_that_few_are_sure_of(counts: list[int], num_unsure: int, expected: list[float]) -> None:
    np.testing.assert_allclose(curriculum(torch.tensor(counts), num_unsure), expected, rtol=1e-6)


def test_it_remembers_the_last_sure_class_of_each_row() -> None:
    memory = SureClasses(5)
    assert memory.counts(3)[0].tolist() == [0, 0, 0]
    assert memory.counts(3)[1] == 5
    memory.note(torch.tensor([4, 1]), torch.tensor([[0.0, 1, 0], [0, 0, 0]]))
    memory.note(torch.tensor([0, 4]), torch.tensor([[0.0, 0, 1], [0, 0, 0]]))
    assert memory.classes.tolist() == [2, -1, -1, -1, 1]
    memory.note(torch.tensor([4]), torch.tensor([[1.0, 0, 0]]))
    assert memory.counts(3)[0].tolist() == [1, 0, 1]
    assert memory.counts(3)[1] == 3


def test_the_learned_classes_set_the_thresholds_and_the_step_is_noted_afterwards() -> None:
    # Six rows are sure of the first class, three of the second, none of the third, and two of nothing.
    memory = remembering([0] * 6 + [1] * 3 + [-1] * 2)
    losses = FlexMatch(unlabeled_weight=2).losses(Scripted(memory), batch(TRAIN, [0], WEAK, STRONG, rows=[10, 9, 0]), 0.0)
    # Thresholds 0.95, 0.317 and 0: all three rows count.
    assert float(losses["flex_match"]) == pytest.approx(2 * -(math.log(0.3) + math.log(0.7) + math.log(0.5)) / 3)
    # Only the first row is sure by the full threshold.
    assert memory.classes.tolist() == [0] * 6 + [1] * 3 + [-1, 0]
    assert float(losses["cross_entropy"]) == pytest.approx(-math.log(0.7))


def test_a_class_learned_best_keeps_the_full_threshold() -> None:
    memory = remembering([2] * 6 + [1] * 6)
    losses = FlexMatch().losses(Scripted(memory), batch(TRAIN, [0], WEAK, STRONG), 0.0)
    # The first class has threshold 0, the others 0.95.
    assert float(losses["flex_match"]) == pytest.approx(-math.log(0.3) / 3)


def test_a_checkpoint_holds_what_was_sure() -> None:
    other = SureClasses(3)
    other.load_state_dict(remembering([2, -1, 0]).state_dict())
    assert other.classes.tolist() == [2, -1, 0]
