from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.losses.cosine_distance import cosine_distance


def vectors(seed: int) -> torch.Tensor:
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)) + 0.3


def test_by_hand() -> None:
    predicted = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    wanted = torch.tensor([[0.5, 0.0], [0.0, -3.0], [1.0, 0.0]])
    assert float(cosine_distance(predicted, wanted)) == pytest.approx((0 + 4 + 2 - 2**0.5) / 3)


def test_it_is_the_squared_distance_of_unit_vectors() -> None:
    predicted, wanted = vectors(1), vectors(2)
    units = [rows / rows.norm(dim=1, keepdim=True) for rows in (predicted, wanted)]
    expected = float((units[0] - units[1]).square().sum(dim=1).mean())
    assert float(cosine_distance(predicted, wanted)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow  # to import lightly
@pytest.mark.filterwarnings("ignore")
def test_it_is_that_of_lightly_up_to_its_constant() -> None:
    lightly = pytest.importorskip("lightly.loss")
    predicted, wanted = vectors(3), vectors(4)
    expected = 2 + 2 * float(lightly.NegativeCosineSimilarity()(predicted, wanted))
    assert float(cosine_distance(predicted, wanted)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_it_lies_between_zero_and_four_and_sees_no_scale(seed: int, scale: float) -> None:
    predicted, wanted = vectors(seed), vectors(seed + 1)
    loss = float(cosine_distance(predicted, wanted))
    assert -1e-6 <= loss <= 4 + 1e-6
    assert float(cosine_distance(scale * predicted, wanted)) == pytest.approx(loss, abs=1e-5)
    assert float(cosine_distance(scale * wanted, wanted)) == pytest.approx(0, abs=1e-5)
    assert float(cosine_distance(-scale * wanted, wanted)) == pytest.approx(4, abs=1e-5)
