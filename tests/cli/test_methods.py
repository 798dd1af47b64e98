from __future__ import annotations

import json

from headstart.methods import METHODS
from headstart.planning.deciding.closed_forms import WITH_UNLABELED


def test_methods_are_listed_by_family_with_what_each_needs(headstart_command):
    out = headstart_command("methods").out
    assert "semi (gradient; needs pictures, unlabeled)\nMethods that learn from unlabeled images as well." in out
    assert "probe (closed form)" in out
    lines = out.splitlines()
    assert [line for line in lines if line.startswith("ridge ")] == [line for line in lines if line.startswith("ridge * ")]
    assert "needs peft" in " ".join(out[out.index("\nlora ") :].split()[:20])
    assert lines[0] == "Methods by family; those with * are tried by `headstart run` by itself."
    titles = [line for line in lines if line.startswith(("probe (", "finetune (", "adapt (closed"))]
    assert titles == ["probe (closed form)", "finetune (gradient; needs pictures)", "adapt (closed form; needs source)"]


def test_the_mark_is_at_what_run_tries():
    closed = {
        kind
        for kind, method in METHODS.all().items()
        if "source" in method.needs and "target_labels" not in method.needs and method.cost == "closed form"
    }
    budgeted = {kind for kind, method in METHODS.all().items() if method.trial_order}
    tried = {"ridge", "logistic", "joint_ridge", "kernel_ridge", "lp_ft", "fine_tune", *WITH_UNLABELED, *budgeted, *closed}
    assert {kind for kind, method in METHODS.all().items() if method.tried_by_run} == tried


def test_every_setting_of_every_method_has_a_meaning(headstart_command):
    for kind in METHODS.names():
        card = json.loads(headstart_command("methods", kind, "--json").out)
        assert all(value["description"] for value in card["schema"].get("properties", {}).values()), kind
        assert {"name", "family", "cost", "needs", "tried_by_run", "summary", "description"} < set(card)


def test_a_method_is_described_with_what_its_family_shares(headstart_command):
    out = " ".join(headstart_command("methods", "group_dro").out.split())
    assert out.startswith("group_dro (gradient; needs pictures, named domains, domains) Does what erm does with weights of the")
    assert "Every domain gives a batch to a step." in out
    assert "step 0.01 number >= 0 <= 10 How fast weights move to the worst domain; 0.01 in the paper." in out
