from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.losses.class_confusion import class_confusion


def by_loops(logits: np.ndarray, temperature: float) -> float:
    """The paper's equations, one entry at a time."""
    scaled = np.exp(logits / temperature)
    probs = scaled / scaled.sum(axis=1, keepdims=True)
    certainty = [1 + np.exp(sum(p * np.log(p) for p in row)) for row in probs]
    weights = [len(probs) * value / sum(certainty) for value in certainty]
    number = probs.shape[1]
    matrix = np.array(
        [[sum(w * row[i] * row[j] for w, row in zip(weights, probs, strict=True)) for j in range(number)] for i in range(number)]
    )
    shares = np.array([[matrix[i, j] / matrix[i].sum() for j in range(number)] for i in range(number)])
    return sum(shares[i, j] for i in range(number) for j in range(number) if i != j) / number


def test_a_known_value() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.0, 0.0]], dtype=torch.float64)
    assert float(class_confusion(logits, 2.5)) == pytest.approx(0.447056, abs=5e-7)


def test_it_equals_loops() -> None:
    logits = np.random.default_rng(2).normal(0.3, 2, (7, 3))
    assert float(class_confusion(torch.tensor(logits), 1.5)) == pytest.approx(by_loops(logits, 1.5))


def test_sure_predictions_are_not_confused_and_equal_ones_are_most() -> None:
    assert float(class_confusion(100 * torch.eye(3)[[0, 1, 1, 2]], 2.5)) == pytest.approx(0, abs=1e-6)
    assert float(class_confusion(torch.zeros(4, 3), 2.5)) == pytest.approx(2 / 3)


def test_names_of_classes_and_order_of_rows_do_not_matter() -> None:
    logits = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    value = float(class_confusion(logits, 2.5))
    assert float(class_confusion(logits[torch.arange(6, -1, -1)][:, [2, 0, 1]], 2.5)) == pytest.approx(value)
