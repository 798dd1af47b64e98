"""Records that were written before the words of the field had come are read."""

from __future__ import annotations

import json

from headstart.core.estimate import Estimate
from headstart.planning.improving.study import Study
from headstart.planning.plan import Plan
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.results import Decision

PLAN = Plan(data="set", pretrained="net", input_pixels=8, method={"kind": "ridge"})


def test_a_decision_of_the_first_format_is_read(make_candidate):
    result = make_candidate("baseline", "pixels").result(status="skipped", reason="too costly")
    decision = Decision(
        verdict="transfer", chosen="ridge", gain=Estimate(value=0.1, low=0, high=0.2), sentence="Transfer.", results=(result,),
        comparisons=(), curve=None, reasons=(), rejected=(), budget_seconds=60, spent_seconds=1,
    )  # fmt: skip
    values = json.loads(decision.to_json())
    del values["checksum"]
    assert values.pop("format") == 2
    (old,) = values.pop("results")
    values["rungs"] = [old | {"family": "canary", "training": {"epochs": 12}}]
    assert Decision.from_json(json.dumps(values)) == decision


def test_a_ranking_of_the_first_format_is_read(ranking):
    values = ranking().to_dict()
    for one in values["candidates"]:
        one["canary"] = one.pop("baseline")
    assert Ranking.from_json(json.dumps(values | {"audit": {}})) == ranking()


def test_a_study_of_the_first_format_is_read():
    study = Study(task_fingerprint="0", plan=PLAN, fixed=("training.lr",))
    values = {"task_fingerprint": "0", "plan": PLAN.to_dict(), "held": ["training.lr"], "beginnings": []}
    assert Study.from_json(json.dumps(values)) == study
