from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from headstart.losses.distillation import distillation


def logits_of(seed: int) -> torch.Tensor:
    return 3 * torch.randn(5, 7, generator=torch.Generator().manual_seed(seed)) + 1


def test_by_hand() -> None:
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[2 * math.log(3.0), 0.0]])
    # At temperature 2 the teacher says 3/4 and 1/4: KL = 3/4 log 1.5 + 1/4 log 0.5, times 4.
    assert float(distillation(student, teacher, 2.0)) == pytest.approx(3 * math.log(1.5) - math.log(2))


@pytest.mark.parametrize("temperature", [0.5, 2.0, 7.0])
def test_it_equals_the_relative_entropy_of_scipy(temperature: float) -> None:
    student, teacher = logits_of(1), logits_of(2)
    probs = [softmax(logits.double().numpy() / temperature, axis=1) for logits in (teacher, student)]
    expected = rel_entr(*probs).sum(axis=1).mean() * temperature**2
    assert float(distillation(student, teacher, temperature)) == pytest.approx(expected, rel=1e-5)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = logits_of(1).requires_grad_(True), logits_of(2).requires_grad_(True)
    distillation(student, teacher, 2.0).backward()
    assert teacher.grad is None
    expected = (torch.softmax(student / 2, 1) - torch.softmax(teacher / 2, 1)).detach() / 2 / 5 * 4
    np.testing.assert_allclose(student.grad, expected, atol=1e-6)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.floats(0.5, 10), st.floats(-5, 5))
def test_it_is_not_negative_and_zero_for_equal_probabilities(seed: int, temperature: float, shift: float) -> None:
    student, teacher = logits_of(seed), logits_of(seed + 1)
    assert float(distillation(student, teacher, temperature)) > 0
    assert float(distillation(teacher + shift, teacher, temperature)) == pytest.approx(0, abs=1e-4)
