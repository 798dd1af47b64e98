from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.core.errors import DataError
from headstart.losses.deep_coral import deep_coral


def rows(seed: int, number: int, width: int) -> torch.Tensor:
    return torch.randn(number, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_by_hand() -> None:
    # Variances 2 and 8, one feature: 36 / 4.
    assert float(deep_coral(torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [1.0]]))) == pytest.approx(9)


def test_it_equals_numpy_s_covariances() -> None:
    source, target = rows(1, 7, 3), 2 * rows(2, 5, 3) + 4
    difference = np.cov(source.numpy(), rowvar=False) - np.cov(target.numpy(), rowvar=False)
    assert float(deep_coral(source, target)) == pytest.approx((difference**2).sum() / 36)


def test_means_do_not_count() -> None:
    source = rows(3, 7, 4)
    assert float(deep_coral(source, source + torch.tensor([1.0, -2.0, 3.0, 0.5]))) == pytest.approx(0, abs=1e-12)


def test_one_row_has_no_covariance() -> None:
    with pytest.raises(DataError) as caught:
        deep_coral(rows(1, 7, 3), rows(2, 1, 3))
    assert str(caught.value) == (
        "A covariance needs two rows, and these batches have 7 and 1. Set training.batch_size to 2 or more, better 32."
    )
