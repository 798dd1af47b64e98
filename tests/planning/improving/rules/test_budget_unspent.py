"""Minutes that are left."""

from __future__ import annotations

import pytest

from headstart.planning.improving.rules.budget_unspent import budget_unspent


def test_larger_pictures_come_first_and_then_more_epochs(make_evidence):
    larger, longer = budget_unspent(make_evidence(left_seconds=61.4))
    assert larger.plan.input_pixels == 48
    assert larger.reason == "61 s are left: raise input_pixels from 32 to 48."
    assert longer.plan.training.epochs == 24


def test_no_side_beyond_the_one_that_the_weights_were_trained_on_is_proposed(make_evidence):
    (larger, _) = budget_unspent(make_evidence(plan={"input_pixels": 200}, left_seconds=9.0))
    assert larger.plan.input_pixels == 224
    assert [said.plan.input_pixels for said in budget_unspent(make_evidence(plan={"input_pixels": 224}, left_seconds=9.0))] == [
        224
    ]


def test_a_network_of_its_own_side_and_a_closed_form_have_nothing_to_buy(make_evidence):
    small = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "method": {"kind": "ridge"}}
    assert not list(budget_unspent(make_evidence(plan=small, left_seconds=9.0)))


@pytest.mark.parametrize("left", [None, 0.0, -3.0])
def test_nothing_is_bought_without_a_budget(make_evidence, left):
    assert not list(budget_unspent(make_evidence(left_seconds=left)))
