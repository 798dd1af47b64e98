from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.losses.contrastive import supervised_info_nce


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    queries, keys = torch.randn(5, 3, generator=draw), torch.randn(11, 3, generator=draw)
    positive = torch.rand(5, 11, generator=draw) < 0.4
    positive[:, 2] = True
    return torch.nn.functional.normalize(queries), torch.nn.functional.normalize(keys), positive


def by_loops(queries: np.ndarray, keys: np.ndarray, positive: np.ndarray, temperature: float) -> float:
    rows = []
    for query, marks in zip(queries, positive, strict=True):
        shares = np.exp([query @ key / temperature for key in keys])
        losses = [-math.log(share / shares.sum()) for share, mark in zip(shares, marks, strict=True) if mark]
        if losses:
            rows.append(np.mean(losses))
    return float(np.mean(rows))


def test_by_hand() -> None:
    queries = torch.tensor([[1.0, 0.0]])
    keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    positive = torch.tensor([[True, True, False]])
    normalizer = math.log(math.exp(2) + 2)
    assert float(supervised_info_nce(queries, keys, positive, 0.5)) == pytest.approx(normalizer - 1)


@pytest.mark.parametrize("temperature", [0.07, 1.3])
def test_it_equals_loops(temperature: float) -> None:
    queries, keys, positive = drawn(3)
    expected = by_loops(queries.double().numpy(), keys.double().numpy(), positive.numpy(), temperature)
    assert float(supervised_info_nce(queries, keys, positive, temperature)) == pytest.approx(expected, rel=1e-5)


def test_queries_without_a_positive_key_are_left_out() -> None:
    queries, keys, positive = drawn(4)
    positive[1] = False
    rest = [0, 2, 3, 4]
    expected = supervised_info_nce(queries[rest], keys, positive[rest], 0.5)
    assert float(supervised_info_nce(queries, keys, positive, 0.5)) == pytest.approx(float(expected))
    assert float(supervised_info_nce(queries, keys, torch.zeros_like(positive), 0.5)) == 0


@given(st.integers(0, 10_000), st.floats(0.05, 5))
def test_it_is_at_least_the_log_of_the_number_of_positives(seed: int, temperature: float) -> None:
    queries, keys, positive = drawn(seed)
    least = positive.sum(dim=1).double().log().mean()
    assert float(supervised_info_nce(queries, keys, positive, temperature)) >= float(least) - 1e-5


def test_it_reaches_its_bound_where_positives_are_alike_and_others_far() -> None:
    keys = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    positive = torch.tensor([[True, True, False]])
    assert float(supervised_info_nce(keys[:1], keys, positive, 0.05)) == pytest.approx(math.log(2), abs=1e-6)
