"""What a prediction costs: operations of every pass, weights that are shared once."""

from __future__ import annotations

import pytest

from headstart.backbones.loading import load_backbone
from headstart.planning.improving.prediction_cost import PredictionCost, prediction_cost


def test_passes_add_up_and_weights_that_two_sides_share_count_once():
    small, large = (load_backbone("small_cnn", "none", side) for side in (8, 16))
    one, two = prediction_cost([small]), prediction_cost([small, large, small])
    assert one.megabytes == two.megabytes == pytest.approx(4e-6 * sum(part.numel() for part in small.module.parameters()))
    assert two.multiply_adds == one.multiply_adds + prediction_cost([large]).multiply_adds
    assert two.multiply_adds > 2 * one.multiply_adds > 0


def test_feature_vectors_take_no_operations():
    assert prediction_cost([load_backbone("embeddings", "none", 1)]) == PredictionCost(multiply_adds=0, megabytes=0)


def test_a_cost_is_told_beside_another():
    cost, other = PredictionCost(multiply_adds=2e8, megabytes=13.6), PredictionCost(multiply_adds=1.6e9, megabytes=65.2)
    assert cost.instead_of(other) == (
        "0.12 of the operations an image (200 million multiply-adds instead of 1,600), 14 MB of weights instead of 65"
    )
    nothing = PredictionCost(multiply_adds=0, megabytes=0)
    assert nothing.instead_of(nothing) == "0 MB of weights instead of 0"
