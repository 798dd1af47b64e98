from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.losses.classifier_discrepancy import classifier_discrepancy


def test_by_hand() -> None:
    first, second = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 1.0], [0.75, 0.25]])
    assert float(classifier_discrepancy(first, second)) == pytest.approx((2 + 0.5) / 4)


def test_it_is_at_most_two_over_the_number_of_classes() -> None:
    first, second = torch.eye(5)[[0, 1, 2]], torch.eye(5)[[4, 3, 1]]
    assert float(classifier_discrepancy(first, second)) == pytest.approx(2 / 5)
    assert float(classifier_discrepancy(first, first)) == 0


def test_it_equals_numpy_and_does_not_tell_who_is_first() -> None:
    first, second = np.random.default_rng(1).dirichlet(np.ones(3), (2, 7))
    value = float(classifier_discrepancy(torch.tensor(first), torch.tensor(second)))
    assert value == pytest.approx(np.mean(np.abs(first - second)))
    assert value == pytest.approx(float(classifier_discrepancy(torch.tensor(second), torch.tensor(first))))
