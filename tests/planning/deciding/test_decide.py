"""decide: what is tried, what is chosen, and what is refused before anything is spent."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, MissingExtraError, PlanError, TrainingError
from headstart.core.steps import Steps
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.planning import cross_validation
from headstart.planning.budget import STARTING_SECONDS
from headstart.planning.deciding import decide as module
from headstart.planning.deciding import schedule, trained, trials
from headstart.planning.deciding.decide import decide as decide_by
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.verdict import wins
from headstart.shift.tests.cluster_assumption import ClusterAssumptionTest
from headstart.shift.tests.nearest_neighbor import NeighborTest
from headstart.training.settings import Training


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path / "steps")


@pytest.fixture
def quick(monkeypatch):
    """The network is the pixels themselves, and training from scratch takes two epochs."""

    def load(name, weights, pixels, seed):
        return load_backbone("pixels", "none", 8) if name == "efficientnet_lite0" else load_backbone(name, weights, pixels, seed)

    monkeypatch.setattr(trials, "load_backbone", load)
    recipe = Training(epochs=2, batch_size=16, lr=3e-3, ema=0.5)
    monkeypatch.setattr(trained, "scratch_training", lambda *_: recipe)


@pytest.fixture
def decide(tmp_path):
    """`decide` in a folder of its own for each call, with the fields of `Options` as arguments."""
    folders = iter(range(100))

    def call(task, ranking, steps=None, minutes=1, per_class=None, **options):
        steps = steps or Steps(tmp_path / str(next(folders)))
        return decide_by(task, ranking, Options(**options), steps, minutes=minutes, per_class=per_class)

    return call


def refused(call) -> str:
    with pytest.raises(PlanError) as caught:
        call()
    return str(caught.value)


def test_vectors_that_tell_the_classes_apart_are_transferred(decide, vectors, ranking, steps):
    task = vectors()
    decision, plan = decide(task, ranking(), steps=steps, per_class=9)
    assert decision.verdict == plan.verdict == "not judged"
    assert decision.sentence.startswith("Not judged, as there are no pictures to train a network on from scratch: ")
    assert decision.gain.low > 0.2
    assert (plan.data, plan.pretrained, plan.per_class, plan.temperature, plan.hold_out) == (
        "vectors.npz",
        "embeddings",
        9,
        None,
        False,
    )
    assert decision.chosen in decision.sentence
    assert [result.family for result in decision.results][:3] == ["chance", "transfer", "transfer"]
    assert decision.budget_seconds == 60 - STARTING_SECONDS
    assert decision.spent_seconds == 0  # vectors need no features
    assert decision.curve is not None
    assert {result.method["kind"] for result in decision.results} == {"ridge", "kernel_ridge"}  # none needs unlabeled rows


@pytest.mark.slow
def test_permuted_labels_are_no_difference(decide, vectors, ranking):
    for seed in range(3):
        task = vectors()
        labels = np.random.default_rng(seed).permutation(task.train.labels)
        noise = replace(task, train=replace(task.train, hidden_labels=labels))
        decision, _ = decide(noise, ranking())
        assert not any(wins(made) for made in decision.comparisons if made.better != "majority class")


@pytest.mark.slow
def test_a_restart_decides_the_same_and_fits_nothing(decide, vectors, ranking, steps, monkeypatch):
    first = decide(vectors(), ranking(), steps=steps)
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    assert decide(vectors(), ranking(), steps=steps) == first


@pytest.mark.slow
def test_sealed_test_labels_do_not_matter(decide, vectors, ranking):
    task = vectors()
    flipped = replace(task, test=replace(task.test, hidden_labels=1 - task.test.hidden_labels))
    one, two = (decide(each, ranking())[1] for each in (task, flipped))
    assert one == two


@pytest.mark.slow
def test_a_method_alone_is_tried_with_its_settings(decide, vectors, ranking):
    decision, plan = decide(vectors(), ranking(), method="knn", settings={"num_neighbors": 3})
    assert [result.method["kind"] for result in decision.results[1:]] == ["knn"]
    assert plan.method["kind"] == "knn"
    assert plan.method["num_neighbors"] == 3


@pytest.mark.slow
def test_one_side_alone_says_so_and_claims_no_gain(decide, pictures, ranking, quick):
    decision, plan = decide(pictures, ranking("efficientnet_lite0"), minutes=5, only="scratch")
    assert [result.family for result in decision.results][:5] == ["chance", "baseline", "baseline", "baseline", "scratch"]
    assert (decision.gain.low, decision.gain.high) == (-1, 1)
    assert decision.sentence.startswith(
        "Not judged: nothing that transfers was fitted (--only scratch leaves out what transfers). "
    )
    assert decision.verdict == "not judged"
    assert plan.weights == "none"


@pytest.mark.slow
def test_an_ensemble_without_transfer_is_held_against_the_best_single_model_without(
    decide, pictures, ranking, quick, monkeypatch
):
    held_against = []
    monkeypatch.setattr(module, "chosen_of", lambda verdict, best, without, *_: without)
    monkeypatch.setattr(module, "ensemble_gain", lambda chosen, validated, seed, instead: held_against.append(instead))
    decide(pictures, ranking("efficientnet_lite0"), minutes=5)
    assert held_against[0].result.family in ("baseline", "scratch")


@pytest.mark.slow
def test_nothing_is_fine_tuned_where_nothing_is_left_to_win(decide, pictures, ranking, quick):
    decision, _ = decide(pictures, ranking("efficientnet_lite0"), minutes=5, only="transfer")
    tuned = next(result for result in decision.results if result.method["kind"] == "lp_ft")
    assert (tuned.method["kind"], tuned.status) == ("lp_ft", "skipped")
    assert tuned.reason.endswith(" errs on 0.0% only: no point left to win")
    assert decision.sentence.startswith("Not judged, as --only transfer leaves out training from scratch: ")
    assert {one.candidate for one in decision.rejected} == {result.name for result in decision.results} - {decision.chosen}


@pytest.mark.slow
def test_the_whole_schedule_compares_all_on_shared_rows(decide, pictures, ranking, quick, monkeypatch):
    monkeypatch.setattr(trained, "SMALLEST_GAIN", -1.0)
    decision, plan = decide(pictures, ranking("efficientnet_lite0"), minutes=5)
    families = [result.family for result in decision.results if not result.partners]
    assert families.count("baseline") == 3
    assert {"transfer", "scratch", "chance"} <= set(families)
    assert {result.num_rows for result in decision.results if result.status == "fitted" and not result.reason} == {43}
    (scratch,) = (result for result in decision.results if result.family == "scratch")
    assert scratch.reason.startswith("stopped after 1 of 5 folds: behind ")
    (scratch,) = (result for result in decision.results if result.family == "scratch")
    assert scratch.reason.startswith("stopped after 1 of 5 folds: behind ")
    assert decision.verdict != "transfer"
    assert plan.reasons == decision.reasons
    assert [(result.status, result.reason) for result in decision.results if result.method["kind"] == "lp_ft"] == [
        ("skipped", "with fewer than 100 labels held-out rows cannot tell whether it helps")
    ]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"minutes": 0}, "minutes = 0 is no budget. Give a positive number."),
        ({"minutes": float("nan")}, "minutes = nan is no budget. Give a positive number."),
        ({"settings": {"k": 3}}, "--set k needs --method KIND: the method that it belongs to."),
        ({"training": {"epoch": 3}}, '--set training: epoch is not a field. Did you mean "epochs"?'),
        ({"method": "ridge", "settings": {"block": 3}}, '--set: method.block is not a field. Did you mean "blocks"?'),
        (
            {"method": "fine_tune"},
            "vectors holds feature vectors, and method fine_tune needs pictures. Choose ridge or another closed form.",
        ),
        (
            {"only": "scratch"},
            "vectors holds feature vectors, and training from scratch needs pictures. Choose ridge or another closed form.",
        ),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_fitted(decide, vectors, ranking, monkeypatch, asked, text):
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    assert refused(lambda: decide(vectors(), ranking(), **{"minutes": 1, **asked})) == text


def test_what_a_method_needs_is_checked_before_anything_is_fitted(decide, pictures, ranking, monkeypatch):
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    with pytest.raises(DataError, match=r"^fix_match needs unlabeled images, and "):
        decide(pictures, ranking("efficientnet_lite0"), method="fix_match")
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"^peft is not installed"):
        decide(pictures, ranking("efficientnet_lite0"), method="lora")


def test_an_unknown_method_is_refused_with_the_nearest(decide, vectors, ranking):
    text = refused(lambda: decide(vectors(), ranking(), method="rigde"))
    assert text == '"rigde" is not a method. Did you mean "ridge"? `headstart methods` lists all.'


def test_when_everything_breaks_down_the_reasons_are_told(decide, vectors, ranking, monkeypatch):
    def breaks_down(*_):
        raise TrainingError("no fit")

    monkeypatch.setattr(cross_validation, "fit_rows", breaks_down)
    assert refused(lambda: decide(vectors(), ranking(), minutes=1.5)) == (
        "Nothing could be fitted. ridge on the given features: no fit. kernel_ridge on the given features: no fit."
    )


def with_unlabeled(task, num=40):
    """The task whose last training rows have lost their labels."""
    kept = np.arange(len(task.train) - num)
    pool = task.train.take(np.arange(len(kept), len(task.train)))
    hidden = replace(pool, hidden_labels=np.full(num, UNLABELED))
    return replace(task, train=task.train.take(kept), unlabeled=hidden)


@pytest.mark.slow
def test_unlabeled_rows_are_learned_from(decide, vectors, ranking, steps):
    task = with_unlabeled(vectors(shift=1.2, num=300), 260)
    decision, plan = decide(task, ranking(), steps=steps)
    kinds = [result.method["kind"] for result in decision.results if result.family == "transfer"]
    assert kinds[:4] == ["ridge", "kernel_ridge", "self_training", "label_mean"]
    assert all(result.status == "fitted" and result.num_rows == 40 for result in decision.results)
    assert plan.method["kind"] in kinds


def test_unlabeled_rows_of_another_kind_are_not_learned_from(decide, vectors, ranking, steps):
    task = with_unlabeled(vectors(shift=1.2, num=300), 260)
    far = ImageSet(
        Embeddings(task.unlabeled.images.vectors() * 0.1 + 50, "far", np.arange(260)),
        task.classes,
        np.full(260, UNLABELED),
        np.arange(260) + 1000,
    )
    decision, plan = decide(replace(task, unlabeled=far), ranking(), steps=steps)
    assert plan.method["kind"] == "ridge"
    skipped = {result.method["kind"]: result.reason for result in decision.results if result.status == "skipped"}
    assert set(skipped) == {"label_mean", "self_training"}
    assert all(reason.startswith("The unlabeled images are of another kind") for reason in skipped.values())


def test_one_label_a_class_is_fitted_untested_and_said_so(decide, vectors, pictures, ranking, steps, monkeypatch):
    task = vectors(num=60)
    one_each = np.array([int(np.flatnonzero(task.train.labels == label)[0]) for label in (0, 1)])
    rest = np.setdiff1d(np.arange(60), one_each)
    pool = replace(task.train.take(rest), hidden_labels=np.full(58, UNLABELED))
    bare = replace(task, train=task.train.take(one_each))
    decision, plan = decide(bare, ranking(), steps=steps)
    assert (decision.verdict, plan.method["kind"]) == ("not judged", "ridge")
    assert decision.sentence == (
        "No class has two labels, so that nothing can be held out and no comparison made: ridge on penultimate of embeddings "
        "is fitted, untested. Label at least two images of a class."
    ).replace("ridge on penultimate of embeddings", decision.chosen)
    assert decision.results[0].accuracy is None
    with_unlabeled = replace(bare, unlabeled=pool)
    for supported, kind in ((True, "self_training"), (False, "ridge")):
        kin = NeighborTest(share=0.0, expected=0.0, p_value=1.0)
        answer = ClusterAssumptionTest(supported=supported, reason="As tested.", neighbor_test=kin, p_value=0.5)
        monkeypatch.setattr(schedule, "cluster_assumption_of", lambda *_, answer=answer: answer)
        decision, plan = decide(with_unlabeled, ranking(), steps=steps)
        assert plan.method["kind"] == kind
        said = decision.reasons if supported else [one.reason for one in decision.rejected]
        assert "As tested." in said
    _, plan = decide(replace(bare, unlabeled=pool), ranking(), steps=steps, method="knn", settings={"num_neighbors": 1})
    assert plan.method["num_neighbors"] == 1


@pytest.mark.slow
def test_with_few_labels_nothing_is_fine_tuned(decide, pictures, ranking, steps, quick, monkeypatch):
    monkeypatch.setattr(trained, "SMALLEST_GAIN", -1.0)
    few = replace(
        pictures, train=pictures.train.take(np.concatenate([np.flatnonzero(pictures.train.labels == c)[:4] for c in range(3)]))
    )
    decision, _ = decide(few, ranking("efficientnet_lite0"), only="transfer")
    tuned = [result for result in decision.results if result.method["kind"] == "lp_ft"]
    assert [(result.status, result.reason) for result in tuned] == [
        ("skipped", "with 5 labels a class or fewer it lost to ridge on every set that was measured")
    ]
