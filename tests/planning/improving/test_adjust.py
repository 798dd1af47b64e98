"""Proposals tried one by one on the same folds, and kept only if a paired test says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import TrainingError
from headstart.core.findings import Finding
from headstart.core.steps import Steps
from headstart.planning import cross_validation
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.fitting import candidate_of
from headstart.planning.improving import adjust as adjusting
from headstart.planning.improving.adjust import adjust
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal, gathered
from headstart.planning.plan import Plan

pytestmark = pytest.mark.slow

POOR, GOOD = 90, 9


def plan_of(neighbors: int = POOR, **other) -> Plan:
    values = {"pretrained": "embeddings", "weights": "none", "input_pixels": 1}
    values |= {"method": {"kind": "knn", "num_neighbors": neighbors}}
    return Plan(data="vectors.npz", **{**values, **other})


class Rules:
    """Stands for the catalog: rules by name."""

    def __init__(self, **rules) -> None:
        self.rules = rules

    def all(self):
        return self.rules


def proposing(neighbors: int, gain: float = 0.5, aim: str = "accuracy"):
    """A rule that proposes a number of neighbors, while the plan has another."""

    def rule(evidence: FitEvidence):
        method = {"kind": "knn", "num_neighbors": neighbors}
        if evidence.plan.method != method:
            yield Proposal(evidence.changed(method=method), f"take {neighbors}.", gain, aim)

    return rule


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path / "steps")


@pytest.fixture
def make_evidence(vectors, steps, tmp_path):
    def make(plan: Plan | None = None, shift: float = 0.7) -> FitEvidence:
        task, plan = vectors(shift, 97), plan or plan_of()
        backbone = load_backbone("embeddings", "none", 1)
        validated = cross_validation.cross_validate(task, candidate_of(plan), backbone, task.folds, steps)
        model = cross_validation.fit_rows(task, np.arange(97), validated.candidate, backbone, None)
        return gathered(task, plan, backbone, validated, model, tmp_path)

    return make


@pytest.fixture
def with_rules(monkeypatch):
    return lambda **rules: monkeypatch.setattr(adjusting, "RULES", Rules(**rules))


def test_a_better_plan_is_kept_with_its_reason(make_evidence, steps, with_rules):
    with_rules(fewer=proposing(GOOD))
    made = adjust(make_evidence(), steps, parent="runs/a")
    (trial,) = made.trials
    assert trial.outcome == "kept"
    assert made.plan.method["num_neighbors"] == GOOD
    assert trial.comparison.log_loss_gain.low > 0
    assert str(trial.changes[0]) == f"method.num_neighbors {POOR} -> {GOOD}"
    assert trial.sentence.startswith("better: +")
    assert made.plan.reasons == (f"fewer: take {GOOD}. {trial.sentence}.",)
    assert made.parent == "runs/a"


def test_a_worse_plan_and_an_equal_one_are_not(make_evidence, steps, with_rules):
    for neighbors in (POOR, GOOD + 1):
        with_rules(other=proposing(neighbors))
        made = adjust(make_evidence(plan_of(GOOD)), steps)
        assert made.trials[0].outcome == "no better"
        assert made.trials[0].sentence.startswith("not better beyond noise: ")
        assert made.plan.method["num_neighbors"] == GOOD
        assert made.sentence == "The plan stands: no changed plan was better beyond noise (1 tried)."


def test_without_minutes_the_most_promising_is_tried_alone(make_evidence, steps, with_rules):
    with_rules(a=proposing(80, 0.2), b=proposing(GOOD, 0.7), c=proposing(70, 0.7))
    assert [trial.rule for trial in adjust(make_evidence(), steps).trials] == ["b"]


def test_among_equals_the_cheaper_comes_first(make_evidence, steps, with_rules):
    def larger(evidence: FitEvidence):
        yield Proposal(evidence.changed(input_pixels=2), "larger.", 0.5)

    with_rules(a=larger, b=proposing(GOOD, 0.5))
    assert [trial.rule for trial in adjust(make_evidence(), steps).trials] == ["b"]


def test_with_minutes_it_goes_on_from_what_was_kept_and_tries_nothing_twice(make_evidence, steps, with_rules):
    with_rules(a=proposing(50, 0.2), b=proposing(85, 0.9), c=proposing(60, 0.5))
    made = adjust(make_evidence(shift=1.0), steps, minutes=3.0)
    assert [(trial.rule, trial.outcome) for trial in made.trials][:2] == [("b", "no better"), ("c", "kept")]
    assert made.trials[2].changes[0].before == 60
    tried = [(str(trial.changes), trial.rule) for trial in made.trials]
    assert len(tried) == len(set(tried))
    assert made.plan.method["num_neighbors"] == 50
    assert len(made.plan.reasons) == 2


def test_the_same_call_again_fits_nothing(make_evidence, steps, with_rules, monkeypatch):
    with_rules(a=proposing(GOOD), c=proposing(85, 0.9))
    evidence = make_evidence()
    made = adjust(evidence, steps, minutes=3.0)
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    monkeypatch.setattr(adjusting, "fit_plan", None)
    assert adjust(evidence, steps, minutes=3.0) == made


def test_each_further_change_is_held_to_a_stricter_level(make_evidence, steps, with_rules, monkeypatch):
    asked = []
    monkeypatch.setattr(adjusting, "significant_at", lambda comparison, level: asked.append(level) or False)
    with_rules(a=proposing(GOOD), b=proposing(85), c=proposing(80))
    made = adjust(make_evidence(), steps, minutes=3.0, earlier=2)
    assert asked == pytest.approx([0.05 / 12, 0.05 / 20, 0.05 / 30])
    assert made.num_tested == 5


def test_a_fold_that_breaks_down_fails_the_proposal(make_evidence, steps, with_rules, monkeypatch):
    evidence = make_evidence()

    def breaks(*_):
        raise TrainingError("loss became nan.")

    monkeypatch.setattr(cross_validation, "fit_rows", breaks)
    with_rules(a=proposing(GOOD))
    (trial,) = adjust(evidence, steps).trials
    assert (trial.outcome, trial.sentence, trial.comparison) == ("failed", "loss became nan.", None)


def test_a_plan_that_broke_down_is_compared_with_the_class_shares(make_evidence, steps, with_rules):
    evidence = make_evidence()
    broken = CrossValidated(
        evidence.cross_validated.candidate, evidence.cross_validated.candidate.result(status="failed", reason="nan")
    )
    with_rules(a=proposing(GOOD))
    (trial,) = adjust(replace(evidence, cross_validated=broken, model=None, fitted=None), steps).trials
    task, backbone = evidence.task, evidence.backbone
    chance = cross_validation.cross_validate_chance(task, evidence.cross_validated.candidate, task.folds).result.log_loss.value
    loss = cross_validation.cross_validate(task, candidate_of(plan_of(GOOD)), backbone, task.folds, steps).result.log_loss.value
    assert trial.outcome == "kept"
    assert trial.comparison.log_loss_gain.value == pytest.approx(chance - loss)


def test_what_would_outlast_the_budget_is_not_tried_and_the_rest_is(make_evidence, steps, with_rules, monkeypatch):
    prices = {GOOD: 30.0, 85: 0.1}
    monkeypatch.setattr(
        adjusting, "seconds_of_cross_validation", lambda candidate, *_, **__: prices[candidate.method["num_neighbors"]]
    )
    with_rules(a=proposing(GOOD, 0.9), b=proposing(85, 0.1))
    dear, cheap = adjust(make_evidence(), steps, minutes=0.25).trials
    assert (dear.outcome, cheap.outcome) == ("too costly", "no better")
    assert dear.sentence == f"not tried: it would take {30 * adjusting.MARGIN:.0f} s, and 15 s are left"


def test_a_proposal_that_breaks_down_while_its_price_is_measured_fails(make_evidence, steps, with_rules, monkeypatch):
    def priced(candidate, *_, **__):
        if candidate.method["num_neighbors"] == 33:
            raise TrainingError("CutMix takes pictures.")
        return 0.0

    monkeypatch.setattr(adjusting, "seconds_of_cross_validation", priced)
    with_rules(a=proposing(33, 0.9), b=proposing(85, 0.1))
    broken, other = adjust(make_evidence(), steps, minutes=3.0).trials
    assert (broken.outcome, broken.sentence, broken.comparison) == ("failed", "CutMix takes pictures.", None)
    assert other.outcome == "no better"


@pytest.mark.parametrize(
    ("changes", "price"), [({"mean": (0.5, 0.5, 0.5)}, 40.0), ({"std": (0.5, 0.5, 0.5)}, 40.0), ({"temperature": 2.0}, 0.0)]
)
def test_what_must_be_cross_validated_anew_has_a_price(make_evidence, steps, with_rules, monkeypatch, changes, price):
    monkeypatch.setattr(adjusting, "seconds_of_cross_validation", lambda *_, **__: 40.0)
    evidence = make_evidence()
    with_rules(a=lambda evidence: iter([Proposal(evidence.plan.model_copy(update=changes), "change it.", 0.5)]))
    (trial,) = adjust(evidence, steps, minutes=0.1).trials
    assert (trial.outcome == "too costly") == (price > 0)


def test_what_cross_validating_the_plan_itself_took_is_part_of_the_minutes(make_evidence, steps, with_rules, monkeypatch):
    monkeypatch.setattr(adjusting, "seconds_of_cross_validation", lambda *_, **__: 9.0 / adjusting.MARGIN)
    with_rules(a=proposing(85))
    evidence = make_evidence()
    for spent, left in ((52.0, 8), (70.0, 0)):
        (trial,) = adjust(evidence, steps, minutes=1.0, spent_seconds=spent).trials
        assert trial.sentence == f"not tried: it would take 9 s, and {left} s are left"
    assert adjust(evidence, steps, minutes=1.0).trials[0].outcome == "no better"


def warns(evidence: FitEvidence):
    """Advice that names the plan that it was found of."""
    neighbors = evidence.plan.method["num_neighbors"]
    yield Finding(code="x", severity="warning", title=f"{neighbors}.", evidence={}, advice="Look.")


def test_findings_become_advice_on_the_plan_that_stands(make_evidence, steps, with_rules):
    with_rules(a=proposing(GOOD), w=warns)
    assert [finding.title for finding in adjust(make_evidence(), steps, minutes=3.0).advice] == [f"{GOOD}."]
    with_rules(w=warns)
    assert [finding.title for finding in adjust(make_evidence(), steps).advice] == [f"{POOR}."]


def test_advice_on_a_plan_that_was_replaced_is_dropped(make_evidence, steps, with_rules):
    with_rules(a=proposing(GOOD), w=warns)
    assert adjust(make_evidence(), steps).advice == ()


def test_where_a_proposal_breaks_down_the_next_one_is_tried(make_evidence, steps, with_rules, monkeypatch):
    evidence, real = make_evidence(), cross_validation.fit_rows

    def breaks(task, rows, candidate, *rest):
        if candidate.method["num_neighbors"] == 33:
            raise TrainingError("loss became nan.")
        return real(task, rows, candidate, *rest)

    monkeypatch.setattr(cross_validation, "fit_rows", breaks)
    with_rules(a=proposing(33, 0.9), b=proposing(GOOD, 0.5), c=proposing(12, 0.1))
    made = adjust(evidence, steps)
    assert [(trial.rule, trial.outcome) for trial in made.trials] == [("a", "failed"), ("b", "kept")]
    assert made.num_tested == 1


def test_rules_see_what_is_left_of_the_budget(make_evidence, steps, with_rules):
    seen = []

    def looks(evidence: FitEvidence):
        seen.append(evidence.left_seconds)
        return iter(())

    with_rules(a=looks)
    evidence = make_evidence()
    for minutes in (None, 2.0):
        assert adjust(evidence, steps, minutes=minutes).sentence == "The plan stands: no rule found anything to change."
    assert seen == [None, 120.0]


def test_where_nothing_is_wrong_accuracy_cannot_be_bettered(make_evidence, steps, with_rules):
    with_rules(a=proposing(20))
    evidence = make_evidence(plan_of(GOOD), shift=9.0)
    assert evidence.held_out_error == 0.0
    assert not adjust(evidence, steps).trials
    with_rules(a=proposing(20, aim="balanced accuracy"))
    assert len(adjust(evidence, steps).trials) == 1


@pytest.mark.parametrize("aim", ["accuracy", "log loss"])
def test_probabilities_alone_are_asked_for_no_gain_in_accuracy(make_evidence, steps, with_rules, monkeypatch, aim):
    monkeypatch.setattr(adjusting, "wins", lambda _: False)
    with_rules(a=proposing(GOOD, aim=aim))
    (trial,) = adjust(make_evidence(), steps).trials
    assert (trial.outcome == "kept") == (aim == "log loss")


def test_a_rare_class_s_proposal_is_compared_with_every_class_counting_the_same(make_evidence, steps, with_rules, monkeypatch):
    asked, real = [], adjusting.compared
    monkeypatch.setattr(adjusting, "compared", lambda *rest: asked.append(rest[3]) or real(*rest))
    for aim in ("accuracy", "balanced accuracy"):
        with_rules(a=proposing(GOOD, aim=aim))
        adjust(make_evidence(), steps)
    assert asked == [False, True]
