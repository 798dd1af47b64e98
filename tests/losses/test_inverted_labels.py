from __future__ import annotations

import math

import pytest
import torch

from headstart.losses.inverted_labels import inverted_labels


def test_by_hand() -> None:
    assert float(inverted_labels(torch.zeros(5))) == pytest.approx(math.log(2))
    expected = (math.log(1 + math.exp(3)) + math.log(1 + math.exp(-1))) / 2
    assert float(inverted_labels(torch.tensor([-3.0, 1.0]))) == pytest.approx(expected)


def test_it_is_steep_where_the_discriminator_is_right() -> None:
    scores = torch.tensor([-9.0, 9.0], requires_grad=True)
    inverted_labels(scores).backward()
    torch.testing.assert_close(scores.grad, torch.tensor([-0.5, 0.0]), atol=1e-3, rtol=0)
