from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.losses.similarity_preserving import similarity_preserving


def features(seed: int, width: int) -> torch.Tensor:
    return torch.randn(5, width, generator=torch.Generator().manual_seed(seed)) + 0.5


def test_by_hand() -> None:
    # Similarities, each row scaled to length 1: the identity against two rows of (1, 5) / sqrt(26).
    student, teacher = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[1.0], [5.0]])
    one, five = 26**-0.5, 5 * 26**-0.5
    expected = ((1 - one) ** 2 + five**2 + one**2 + (1 - five) ** 2) / 4
    assert float(similarity_preserving(student, teacher)) == pytest.approx(expected)


def test_it_equals_loops() -> None:
    student, teacher = features(1, 3), features(2, 7)
    rows = []
    for own, other in zip(student.double().numpy(), teacher.double().numpy(), strict=True):
        likenesses = [
            np.array([row @ each for each in matrix.double().numpy()]) for row, matrix in ((own, student), (other, teacher))
        ]
        first, second = (values / np.linalg.norm(values) for values in likenesses)
        rows.append(((first - second) ** 2).sum())
    assert float(similarity_preserving(student, teacher)) == pytest.approx(sum(rows) / 25, rel=1e-5)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_scale_and_rotation_cost_nothing_and_all_else_does(seed: int, scale: float) -> None:
    teacher = features(seed, 3)
    turn = torch.linalg.qr(features(seed + 1, 3)[:3]).Q
    assert float(similarity_preserving(scale * teacher @ turn, teacher)) == pytest.approx(0, abs=1e-9)
    assert float(similarity_preserving(features(seed + 2, 4), teacher)) > 0
