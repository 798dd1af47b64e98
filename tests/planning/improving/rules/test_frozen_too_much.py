"""Too much of the network left as it was."""

from __future__ import annotations

import pytest

from headstart.backbones.loading import load_backbone
from headstart.planning.improving.rules.frozen_too_much import frozen_too_much


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("efficientnet_lite0", input_pixels=32)


@pytest.mark.slow
def test_a_head_on_the_last_block_is_shown_every_depth_first_and_then_the_network_is_trained(make_evidence, backbone):
    method = {"kind": "ridge", "blocks": "penultimate"}
    evidence = make_evidence(held_wrong=(6, 6, 6), plan={"method": method}, backbone=backbone)
    depth, trained = frozen_too_much(evidence)
    assert depth.plan.method == {"kind": "ridge", "blocks": "stages+pixels"}
    assert depth.reason == "30.0% of held-out images are wrong from penultimate alone: look at every depth."
    assert trained.plan.method["kind"] == "lp_ft"
    assert trained.plan.training.epochs > 1
    assert depth.gain > trained.gain


def test_a_head_that_sees_every_depth_leaves_training_alone_to_propose(make_evidence, backbone):
    evidence = make_evidence(held_wrong=(6, 6, 6), plan={"method": {"kind": "ridge"}}, backbone=backbone)
    assert [said.plan.method["kind"] for said in frozen_too_much(evidence)] == ["lp_ft"]


@pytest.mark.parametrize(("depth", "deeper"), [("late", "middle"), ("middle", "early"), ("early", "third"), ("third", "all")])
def test_a_trained_part_too_small_for_its_own_rows_is_made_one_depth_larger(make_evidence, backbone, depth, deeper):
    method = {"kind": "lp_ft", "depth": depth}
    evidence = make_evidence(held_wrong=(6, 6, 6), fitted_wrong=(4, 4, 4), plan={"method": method}, backbone=backbone)
    (said,) = frozen_too_much(evidence)
    assert said.plan.method == {"kind": "lp_ft", "depth": deeper}


@pytest.mark.parametrize(
    ("fitted_wrong", "plan"),
    [
        ((3, 3, 3), {"method": {"kind": "lp_ft", "depth": "late"}}),
        (None, {"method": {"kind": "lp_ft", "depth": "late"}}),
        ((5, 5, 5), {"method": {"kind": "lp_ft", "depth": "all"}}),
        ((5, 5, 5), {"method": {"kind": "fine_tune"}}),
        ((5, 5, 5), {"weights": "none", "pretrained": "small_cnn", "method": {"kind": "ridge"}}),
    ],
    ids=["its own rows fit", "broke down", "all is trained", "nothing is frozen", "nothing to leave"],
)
def test_nothing_is_proposed_where_freezing_is_not_the_fault(make_evidence, backbone, fitted_wrong, plan):
    assert not list(frozen_too_much(make_evidence(held_wrong=(6, 6, 6), fitted_wrong=fitted_wrong, plan=plan, backbone=backbone)))
