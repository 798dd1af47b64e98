"""One network in place of an ensemble: which ones are judged, and what is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.core.estimate import Estimate
from headstart.core.steps import Steps
from headstart.methods import method_from
from headstart.planning.fitting import backbone_of, cross_validated_plan
from headstart.planning.improving import distilling
from headstart.planning.improving.distilling import check_distillable, distill, students_of
from headstart.planning.improving.fit_evidence import FitEvidence, gathered
from headstart.planning.improving.prediction_cost import PredictionCost, prediction_cost
from headstart.planning.plan import Partner, Plan
from headstart.training.settings import Training

NETWORK = {"pretrained": "embeddings", "weights": "none", "input_pixels": 1}
RIDGE, KERNEL = ({"kind": kind, "blocks": "penultimate"} for kind in ("ridge", "kernel_ridge"))
PLAN = Plan(data="vectors.npz", **NETWORK, method=RIDGE, partners=(Partner(**NETWORK, method=KERNEL),), shares=(0.6, 0.3))


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path / "steps")


@pytest.fixture
def make_evidence(vectors, steps, tmp_path):
    def make(plan: Plan = PLAN, unlabeled: bool = False) -> FitEvidence:
        task = vectors(1.5, 97)
        if unlabeled:
            hidden = np.full(len(task.test), -1, np.int64)
            task = replace(task, unlabeled=replace(task.test, sealed=False, hidden_labels=hidden))
        backbone = backbone_of(plan)
        model = method_from(plan.method).fit(task, backbone, Training())
        model = replace(model, partners=(method_from(KERNEL).fit(task, backbone, Training()),))
        return gathered(task, plan, backbone, cross_validated_plan(task, plan, steps), model, tmp_path)

    return make


def test_each_member_is_judged_alone(make_evidence):
    students = students_of(make_evidence())
    assert [one.plan.method["kind"] for one in students] == ["ridge", "kernel_ridge"]
    assert [one.reason for one in students] == [
        "ridge on the given features, a member alone.", "kernel_ridge on the given features, a member alone.",
    ]  # fmt: skip
    assert all((one.plan.partners, one.plan.shares, one.plan.temperature) == ((), (), None) for one in students)


def test_a_closed_form_alone_learns_from_the_rows_that_training_left_out(make_evidence):
    trained = Partner(pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "fine_tune"})
    plan = PLAN.model_copy(update={"partners": (*PLAN.partners, trained), "shares": (0.4, 0.2, 0.3), "hold_out": True})
    students = students_of(replace(make_evidence(), plan=plan))
    assert [one.plan.hold_out for one in students] == [False, False, True]


def test_where_there_are_unlabeled_images_the_ensemble_teaches_its_weightiest_network(make_evidence):
    taught, *alone = students_of(make_evidence(unlabeled=True))
    assert len(alone) == 2
    assert taught.plan.method["kind"] == "ensemble_distillation"
    assert [(one["method"]["kind"], one["share"]) for one in taught.plan.method["teachers"]] == [
        ("ridge", pytest.approx(0.6)), ("kernel_ridge", pytest.approx(0.3)),
    ]  # fmt: skip
    assert taught.reason == (
        "ensemble_distillation on the given features, taught by 2 closed forms of the ensemble on 23 unlabeled images."
    )


def test_a_teacher_sees_pictures_as_the_plan_s_own_member_does(make_evidence):
    own = PLAN.model_copy(update={"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)})
    taught, *_ = students_of(replace(make_evidence(unlabeled=True), plan=own))
    seen = [(one.get("mean"), one.get("std")) for one in taught.plan.method["teachers"]]
    assert seen == [([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]), (None, None)]


def test_a_student_that_keeps_the_network_it_starts_from_costs_two(make_evidence, steps):
    network = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8}
    one, two = (Plan(data="a", **network, method={"kind": kind}) for kind in ("fine_tune", "residual"))
    costs = [distilling.cost_of_fitted(plan) for plan in (one, two)]
    assert costs[0] == prediction_cost([backbone_of(one)])
    assert (costs[1].multiply_adds, costs[1].megabytes) == (2 * costs[0].multiply_adds, 2 * costs[0].megabytes)


def test_what_is_trained_does_not_teach_and_its_share_goes_to_the_others(make_evidence):
    trained = Partner(
        pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "fine_tune"}, training=Training(lr=0.5)
    )
    evidence = make_evidence(unlabeled=True)
    evidence = replace(evidence, plan=PLAN.model_copy(update={"partners": (*PLAN.partners, trained), "shares": (0.4, 0.2, 0.3)}))
    taught, _, _, last = students_of(evidence)
    assert [one["share"] for one in taught.plan.method["teachers"]] == pytest.approx([0.6, 0.3])
    assert (last.plan.pretrained, last.plan.training.lr) == ("small_cnn", 0.5)


def test_a_student_within_the_margin_is_kept_with_its_cost(make_evidence, steps):
    made = distill(make_evidence(), steps, 0.5, parent="runs/a", earlier=2)
    first, second = made.trials
    assert (first.outcome, second.outcome) == ("kept", "not chosen")
    assert made.plan.partners == ()
    assert made.plan.method == {"ridge": RIDGE, "kernel_ridge": KERNEL}[made.plan.method["kind"]]
    assert first.sentence.endswith(" points; 0 MB of weights instead of 0")
    assert f" on 97 held-out images, so that it may lose {100 * first.may_lose:.1f} points; " in first.sentence
    assert made.plan.reasons == (f"distillation: {first.reason} In place of the ensemble: {first.sentence}.",)
    assert made.sentence == f"One network takes the place of the ensemble: {first.reason} {first.sentence}."
    assert (made.parent, made.margin, made.num_tested) == ("runs/a", 0.5, 3)


def test_students_are_compared_with_the_shares_of_the_plan(make_evidence, steps):
    evidence = make_evidence()
    made = distill(evidence, steps, 0.5)
    alone = cross_validated_plan(evidence.task, made.plan.model_copy(update={"shares": ()}), steps)
    ensemble = cross_validated_plan(evidence.task, PLAN, steps).predictions.log_losses.mean()
    gain = made.trials[0].comparison.log_loss_gain.value
    assert gain == pytest.approx(ensemble - alone.predictions.log_losses.mean())


def with_gains(monkeypatch, **gains: tuple[float, float]) -> None:
    """Let students have that gain in accuracy and that lower end of its interval, and those operations."""
    real = distilling.compared

    def scripted(student, *rest):
        kind = "kernel_ridge" if student.name.startswith("kernel") else "ridge"
        value, low = gains[kind]
        gain = Estimate(value=value, low=low, high=2 * value - low)
        return real(student, *rest).model_copy(update={"accuracy_gain": gain})

    monkeypatch.setattr(distilling, "compared", scripted)


def with_costs(monkeypatch, *costs: float) -> None:
    """Operations of the ensemble, then of each student."""
    given = iter(costs)
    monkeypatch.setattr(distilling, "prediction_cost", lambda _: PredictionCost(multiply_adds=next(given), megabytes=1.0))


def test_of_those_within_the_margin_the_cheapest_is_taken(make_evidence, steps, monkeypatch):
    evidence = make_evidence()
    with_gains(monkeypatch, ridge=(0.01, 0.0), kernel_ridge=(-0.01, -0.02))
    with_costs(monkeypatch, 9e6, 5e6, 2e6)
    made = distill(evidence, steps, 0.03)
    assert [trial.multiply_adds for trial in made.trials] == [2e6, 5e6]
    assert made.plan.method == KERNEL


def test_where_all_may_lose_more_the_sentence_says_which_margin_accepts_the_one_that_loses_least(
    make_evidence, steps, monkeypatch
):
    evidence = make_evidence()
    with_gains(monkeypatch, ridge=(-0.012, -0.0312), kernel_ridge=(-0.02, -0.05))
    made = distill(evidence, steps)
    assert made.plan == evidence.plan
    assert made.accepted == ()
    assert [trial.outcome for trial in made.trials] == ["not chosen", "not chosen"]
    # of two students each is tested at half the level: 2.2414 standard errors in place of 1.96
    assert made.trials[0].may_lose == pytest.approx(0.012 + 0.0192 * 2.2414 / 1.9600, abs=1e-5)
    assert made.sentence == (
        "The ensemble stands: each single network may lose more than 2 points of accuracy. --margin 0.034 accepts one: "
        "ridge on the given features, a member alone."
    )
    assert made.num_tested == 0
    assert distill(evidence, steps, 0.034).plan.method == RIDGE


def test_what_it_will_take_is_said_before(make_evidence, steps, capsys, monkeypatch):
    monkeypatch.setattr(distilling, "seconds_of_cross_validation", lambda *_, num_more: 2.0 + num_more)
    monkeypatch.delenv("HEADSTART_QUIET", raising=False)
    distill(make_evidence(unlabeled=True), steps)
    assert capsys.readouterr().err.startswith("3 single networks are judged on the folds of the ensemble: about 9 s for all.\n")


@pytest.mark.parametrize(
    ("plan", "margin", "sentence"),
    [
        (
            PLAN.model_copy(update={"partners": (), "shares": ()}), 0.02,
            "The run predicts by a single model: there is no ensemble to distill. Leave out --distill.",
        ),
        (PLAN, 2.0, "--margin 2 is no share of the images. Give one from 0 to 1, such as 0.02 for two points."),
    ],
)  # fmt: skip
def test_what_cannot_be_distilled(plan, margin, sentence):
    with pytest.raises(PlanError) as caught:
        check_distillable(plan, margin)
    assert str(caught.value) == sentence


def test_a_run_without_a_model_has_nothing_to_distill(make_evidence, steps):
    with pytest.raises(PlanError) as caught:
        distill(replace(make_evidence(), model=None), steps)
    assert str(caught.value) == "The run has no model to distill: its training broke down. Leave out --distill."


def test_the_networks_of_teachers_are_networks_of_the_plan(make_evidence):
    taught, *_ = students_of(make_evidence(unlabeled=True))
    assert set(taught.plan.networks) == {("embeddings", "none")}
    assert len(taught.plan.networks) == 3
    assert load_backbone(*taught.plan.networks[0], 1) is not None
