from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from headstart.losses.self_distillation import self_distillation


def scores(seed: int, count: int = 5) -> torch.Tensor:
    return torch.randn(count, 7, generator=torch.Generator().manual_seed(seed)) + 1


def test_by_hand() -> None:
    # Centered and sharpened, the teacher says 3/4 and 1/4; the student says 1/2 each at any temperature.
    student, teacher = torch.zeros(1, 2), torch.tensor([[1.0, 5.0]])
    center = torch.tensor([1.0 - 0.5 * math.log(3), 5.0])
    assert float(self_distillation(student, teacher, center, 0.1, 0.5)) == pytest.approx(math.log(2))
    student = torch.tensor([[0.1 * math.log(3), 0.0]])
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert float(self_distillation(student, teacher, center, 0.1, 0.5)) == pytest.approx(expected)


def test_it_equals_scipy() -> None:
    student, teacher, center = scores(1), scores(2), scores(3, 1)[0]
    shares = softmax((teacher - center).double().numpy() / 0.04, axis=1)
    expected = -(shares * log_softmax(student.double().numpy() / 0.1, axis=1)).sum(axis=1).mean()
    assert float(self_distillation(student, teacher, center, 0.1, 0.04)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow  # to import lightly
@pytest.mark.filterwarnings("ignore")
def test_it_equals_the_loss_of_lightly() -> None:
    lightly = pytest.importorskip("lightly.loss")
    student, teacher = scores(4), scores(5)
    theirs = lightly.DINOLoss(output_dim=7, teacher_temp=0.04, warmup_teacher_temp=0.04, student_temp=0.1)
    center = scores(6, 1)[0]
    theirs.center.copy_(center.view(1, 1, 7))
    # Theirs leaves out a view against itself: with two views each, the two crossed halves are left.
    expected = float(theirs([teacher, teacher.flip(0)], [student, student.flip(0)]))
    halves = [self_distillation(student.flip(0), teacher, center, 0.1, 0.04)]
    halves += [self_distillation(student, teacher.flip(0), center, 0.1, 0.04)]
    assert float(torch.stack(halves).mean()) == pytest.approx(expected, rel=1e-5)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = scores(6).requires_grad_(True), scores(7).requires_grad_(True)
    self_distillation(student, teacher, torch.zeros(7), 0.2, 0.1).backward()
    assert teacher.grad is None
    expected = (torch.softmax(student / 0.2, 1) - torch.softmax(teacher / 0.1, 1)).detach() / 0.2 / 5
    np.testing.assert_allclose(student.grad, expected, atol=1e-6)


@pytest.mark.slow
@given(st.integers(0, 10_000))
def test_it_is_at_least_the_teacher_s_entropy_which_agreement_reaches(seed: int) -> None:
    student, teacher, center = scores(seed), scores(seed + 1), scores(seed + 2, 1)[0]
    least = entropy(softmax((teacher - center).double().numpy() / 0.3, axis=1), axis=1).mean()
    assert float(self_distillation(student, teacher, center, 0.1, 0.3)) >= least - 1e-5
    agreeing = (teacher - center) * (0.1 / 0.3)
    assert float(self_distillation(agreeing, teacher, center, 0.1, 0.3)) == pytest.approx(least, abs=1e-5)
