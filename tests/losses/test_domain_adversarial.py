from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from headstart.losses.domain_adversarial import domain_cross_entropy, reversal_strength, reversed_gradient

SOURCE, TARGET = torch.tensor([0.3, -1.2, 2.0]), torch.tensor([0.7, -0.4])


def test_by_hand() -> None:
    assert float(domain_cross_entropy(torch.zeros(3), torch.zeros(2))) == pytest.approx(math.log(2))
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2
    assert float(domain_cross_entropy(torch.tensor([1.0]), torch.tensor([2.0]))) == pytest.approx(expected)


def test_it_equals_scikit_learn_s_log_loss_with_both_domains_counting_alike() -> None:
    probs = torch.sigmoid(torch.cat([SOURCE, TARGET])).double().numpy()
    expected = log_loss([1, 1, 1, 0, 0], probs, sample_weight=[1 / 3] * 3 + [1 / 2] * 2)
    assert float(domain_cross_entropy(SOURCE, TARGET)) == pytest.approx(expected, rel=1e-6)


def test_weights_say_how_much_a_row_counts() -> None:
    source, target = torch.tensor([0.5, 2.0, 0.5]), torch.tensor([1.5, 0.5])
    probs = torch.sigmoid(torch.cat([SOURCE, TARGET])).double().numpy()
    expected = -(np.array([0.5, 2, 0.5]) @ np.log(probs[:3]) / 3 + np.array([1.5, 0.5]) @ np.log(1 - probs[3:]) / 2) / 2
    assert float(domain_cross_entropy(SOURCE, TARGET, source, target)) == pytest.approx(expected, rel=1e-6)
    assert float(domain_cross_entropy(SOURCE, TARGET, None, target)) != float(domain_cross_entropy(SOURCE, TARGET))


def test_a_reversed_gradient_points_the_other_way() -> None:
    values = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    shown = reversed_gradient(values, 0.25)
    assert torch.equal(shown, values)
    shown.square().sum().backward()
    torch.testing.assert_close(values.grad, -0.25 * 2 * values.detach())


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 0.0), (0.1, 0.4621171572600098), (0.5, 0.9866142981514303)])
def test_the_strength_grows_from_nothing(progress: float, expected: float) -> None:
    assert reversal_strength(progress) == pytest.approx(expected, abs=1e-12)
    assert reversal_strength(1.0) == pytest.approx(0.9999092042625951)
