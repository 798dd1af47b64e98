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
    assert (first.outcome, second.outcome) == ("kept", "no better")
    assert made.plan.partners == ()
    assert made.plan.method == {"ridge": RIDGE, "kernel_ridge": KERNEL}[made.plan.method["kind"]]
    assert first.sentence.endswith(" on 97 held-out images; 0 MB of weights instead of 0")
    assert second.sentence.startswith("another one has a lower log loss: ")
    assert made.plan.reasons == (f"distillation: {first.reason} In place of the ensemble: {first.sentence}.",)
    assert made.sentence == f"One network takes the place of the ensemble: {first.reason}"
    assert (made.parent, made.margin, made.num_tested) == ("runs/a", 0.5, 3)


def test_the_best_one_is_that_of_the_lowest_log_loss_and_is_compared_with_the_shares_of_the_plan(make_evidence, steps):
    evidence = make_evidence()
    made = distill(evidence, steps, 0.5)
    losses = {
        kind: cross_validated_plan(evidence.task, PLAN.model_copy(update={"method": one, "partners": (), "shares": ()}), steps)
        for kind, one in (("ridge", RIDGE), ("kernel_ridge", KERNEL))
    }
    losses = {kind: one.predictions.log_losses.mean() for kind, one in losses.items()}
    assert made.plan.method["kind"] == min(losses, key=losses.get)
    ensemble = cross_validated_plan(evidence.task, PLAN, steps).predictions.log_losses.mean()
    assert made.trials[0].comparison.log_loss_gain.value == pytest.approx(ensemble - min(losses.values()))


def test_one_that_may_lose_more_is_not_kept_and_the_sentence_says_which_margin_accepts_it(make_evidence, steps, monkeypatch):
    real = distilling.compared

    def lossy(*sides):
        gain = Estimate(value=-0.012, low=-0.0312, high=0.007)
        return real(*sides).model_copy(update={"accuracy_gain": gain})

    monkeypatch.setattr(distilling, "compared", lossy)
    evidence = make_evidence()
    made = distill(evidence, steps)
    assert made.plan == evidence.plan
    assert made.accepted == ()
    assert made.trials[0].outcome == "loses too much"
    assert made.trials[0].sentence.endswith("; it may lose 3.1 points of accuracy, and 2 are allowed: --margin 0.032 accepts it")
    assert made.sentence == f"The ensemble stands: {made.trials[0].reason}"
    assert distill(evidence, steps, 0.032).accepted


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
