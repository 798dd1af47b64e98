"""The whole of adapting: who is chosen under which shift, and that no target label is needed or read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.core.estimate import Estimate
from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError, Stopper, stoppable
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.methods.adapt.coral import Coral
from headstart.planning.adapting import candidate_fitting, consensus, model_selection
from headstart.planning.adapting.accuracy_estimate import findings_of
from headstart.planning.adapting.adapt import adaptation_to, rows_to_label
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.adapting.domain_pair import domain_pair_of
from headstart.planning.adapting.label_queries import LabelChoice
from headstart.training.settings import Training

UNADAPTED = ("source_only",)
METHODS = ("domain_mean", "coral", "linear_monge", "bbse", "mlls")
SKEWED = (0.5, 0.25, 0.15, 0.05, 0.05)
OFFSET = np.random.default_rng(5).normal(size=16) * 2.5


def moved(rows: np.ndarray) -> np.ndarray:
    """A planted affine shift."""
    return rows * np.linspace(0.4, 2.0, rows.shape[1]) + OFFSET


@pytest.mark.slow
def test_a_planted_affine_shift_is_adapted_to_and_the_record_agrees_with_the_model(make_task, adapt, predicted):
    task, truth = make_task(3, move=moved)
    found = adapt(task)
    after, before = predicted(task, found.chosen), predicted(task, UNADAPTED)
    assert (found.shift.kind, found.adapted) == ("features", True)
    assert len(found.chosen) > 1
    assert (after == truth).mean() > max(0.95, (before == truth).mean() + 0.05)
    assert [one.name for one in found.candidates] == ["source_only", *METHODS]
    assert [point.label for point in found.map.target] == after.tolist()
    assert found.at_most_lost == (after != before).mean() > 0.05
    assert (len(found.map.source), len(found.map.moved), len(found.map.target)) == (163, 163, 131)


@pytest.mark.slow
def test_the_record_survives_json_and_a_restart_repeats_no_fit(make_task, adapt, monkeypatch):
    task, _ = make_task(3, move=moved)
    found = adapt(task)
    assert Adaptation.from_json(found.to_json()) == found
    monkeypatch.setattr(candidate_fitting.CandidateFitter, "fitted_into", lambda *_: pytest.fail("fitted again"))
    again = adapt(task)
    assert (found.map, found.candidates) == (again.map, again.candidates)


@pytest.mark.slow
def test_a_record_that_was_written_with_votes_is_read(make_task, adapt):
    found = adapt(make_task(3, move=moved)[0])
    old = found.to_dict()
    old["votes"] = old.pop("candidates")
    for one in old["votes"]:
        one["values"], one["refused"] = one.pop("scores"), one.pop("rejection")
    assert Adaptation.from_dict(old) == found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4])
def test_other_class_shares_are_corrected_and_nothing_is_moved(make_task, adapt, predicted, seed):
    task, truth = make_task(seed, shares=SKEWED, spread=1.7)
    found = adapt(task)
    after, before = predicted(task, found.chosen), predicted(task, UNADAPTED)
    assert found.shift.kind in {"class shares", "ambiguous"}
    assert set(found.chosen) <= {"source_only", "bbse", "mlls"}
    assert (after == truth).mean() >= (before == truth).mean() - 0.01


@pytest.mark.slow
def test_domains_that_do_not_differ_keep_the_unadapted_model_and_the_estimate_covers_its_accuracy(make_task, adapt, predicted):
    task, truth = make_task(4, spread=1.3)
    found = adapt(task)
    assert (found.chosen, found.adapted, found.at_most_lost) == (UNADAPTED, False, 0.0)
    assert found.reasons[-1] == "There is nothing to adapt to."
    assert found.accuracy.low - 0.03 <= (predicted(task, UNADAPTED) == truth).mean() <= found.accuracy.high + 0.03


@pytest.mark.slow
def test_a_target_of_few_images_keeps_the_unadapted_model_and_says_that_they_are_few(make_task, adapt):
    task, _ = make_task(3, move=moved)
    found = adapt(replace(task, unlabeled=task.unlabeled.take(np.arange(5))))
    assert (found.chosen, found.findings) == (UNADAPTED, ())
    assert found.reasons == (
        "The target has fewer than 8 images, too few to tell what changed.",
        "Without labels, the unadapted model is kept.",
    )
    reason = "it was not fitted, as the target has too few images to tell what changed"
    assert [one.rejection for one in found.candidates] == ["", *[reason] * len(METHODS)]


def test_from_few_images_nobody_concludes_that_the_source_does_not_fit(make_task, identity):
    task, _ = make_task(3, move=moved)
    pair = domain_pair_of(replace(task, unlabeled=task.unlabeled.take(np.arange(5))), identity)
    low, classes = Estimate(value=0.01, low=0.0, high=0.02), np.zeros(5, np.int64)
    assert list(findings_of(pair, low, UNADAPTED, classes, classes, fits=True)) == []
    other = replace(pair, shift=pair.shift.model_copy(update={"kind": "features"}))
    assert [one.code for one in findings_of(other, low, UNADAPTED, classes, classes, fits=True)] == ["source-does-not-fit"]


@pytest.mark.slow
def test_a_poisoned_source_is_reported(make_task, adapt):
    found = adapt(make_task(5, poisoned=True)[0])
    assert [finding.code for finding in found.findings] == ["source-teaches-nothing"]
    assert found.chosen == UNADAPTED


@pytest.mark.slow
def test_labels_take_the_place_of_validators_and_join_the_fit(make_task, adapt, predicted):
    task, truth = make_task(3, move=moved, num_labeled=20)
    found = adapt(task)
    assert found.num_labeled == 20
    assert found.reasons[-1].startswith("Labels decide: of 20 labeled target images")
    assert (predicted(task, found.chosen) == truth).mean() > 0.95


@pytest.mark.slow
def test_models_that_labels_choose_weakly_in_place_of_the_accepted_ones_are_no_transfer(make_task, adapt, monkeypatch):
    task, _ = make_task(3, move=moved, num_labeled=20)
    without = adapt(replace(task, train=task.train.take([]), unlabeled=task.pool))
    other = next(name for name in METHODS if name not in without.chosen)
    for chosen, accepted, verdict in ((other, False, "no difference"), (without.chosen[0], True, "transfer")):
        weak = LabelChoice((chosen,), "Labels decide.", 0.3)
        monkeypatch.setattr("headstart.planning.adapting.adapt.chosen_by_labels", lambda *_, weak=weak: weak)
        found = adapt(task)
        assert (found.chosen, found.accepted, found.verdict) == ((chosen,), accepted, verdict)
        assert [one.rejection for one in found.candidates if one.name == chosen] == [""]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["few", "none"])
def test_labels_compare_candidates_whatever_the_shift_is(make_task, identity, monkeypatch, kind):
    def pair_of(*given):
        pair = domain_pair_of(*given)
        return replace(pair, shift=pair.shift.model_copy(update={"kind": kind}))

    monkeypatch.setattr("headstart.planning.adapting.adapt.domain_pair_of", pair_of)
    found = adaptation_to(make_task(3, move=moved, num_labeled=20)[0], identity, methods=METHODS[:2])
    assert (found.num_compared, found.why_not_judged, found.accepted) == (3, "", False)
    assert found.reasons[0] == found.shift.sentence
    assert [one.split(":")[0] for one in found.reasons[1:]] == ["Labels decide"]
    assert {one.rejection for one in found.candidates if one.name in found.chosen} == {""}


@pytest.mark.slow
def test_a_member_too_many_is_rejected_with_that_reason(make_task, adapt, monkeypatch):
    monkeypatch.setattr(consensus, "MOST_MEMBERS", 2)
    found = adapt(make_task(3, move=moved)[0])
    rejections = {one.rejection for one in found.candidates if one.name not in (*found.chosen, "source_only")}
    assert len(found.chosen) == 2
    assert "the ensemble has 2 members that agree at least as well" in rejections
    assert {one.rejection for one in found.candidates if one.name in found.chosen} == {""}


@pytest.mark.slow
def test_another_input_size_or_training_is_fitted_anew(make_task, identity, tmp_path, monkeypatch):
    task, _ = make_task(8, move=moved)
    fitted = []
    original = candidate_fitting.CandidateFitter.fitted_into
    monkeypatch.setattr(
        candidate_fitting.CandidateFitter,
        "fitted_into",
        lambda self, folder, method: (fitted.append(method.kind()), original(self, folder, method))[1],
    )
    larger = load_backbone("embeddings", "pretrained", 2, 0)
    assert larger.weights_hash == identity.weights_hash
    for backbone, training in ((identity, None), (larger, None), (identity, Training(seed=8, lr=0.5)), (identity, None)):
        adaptation_to(task, backbone, methods=METHODS[:1], steps=Steps(tmp_path), training=training)
    assert fitted == 3 * ["source_only", *METHODS[:1]]


def test_a_method_that_breaks_down_is_rejected_with_its_message(make_task, identity, monkeypatch):
    def broken(*_):
        raise DataError("Too large.")

    monkeypatch.setattr("headstart.methods.adapt.coral.Coral.moved", broken)
    found = adaptation_to(make_task(8, move=moved)[0], identity, methods=METHODS[1:2])
    assert [(one.rejection, one.scores) for one in found.candidates[1:]] == [("Too large.", {})]


@pytest.mark.slow
@pytest.mark.parametrize("num_labeled", [0, 20])
def test_a_method_that_builds_on_candidates_gets_those_that_would_be_chosen(make_task, identity, steps, monkeypatch, num_labeled):
    task, others = make_task(3, move=moved, num_labeled=num_labeled)[0], ("domain_mean", "linear_monge", "bbse")
    without_labels = replace(task, train=task.train.take([]), unlabeled=task.pool)
    chosen = adaptation_to(without_labels, identity, methods=others, steps=steps).chosen
    asked = []
    monkeypatch.setattr(Coral, "builds_on_candidates", True)
    monkeypatch.setattr(Coral, "built_on", lambda self, names: asked.append(names) or self)
    found = adaptation_to(task, identity, methods=(*others, "coral"), steps=steps)
    assert asked == [chosen] != [UNADAPTED]
    assert found.candidates[-1].name == "coral"
    assert found.candidates[-1].scores["joint_match"] is not None
    if not num_labeled:  # it joins those that it builds on, and takes no place of theirs
        assert found.chosen == (*chosen, "coral")


def test_what_there_is_no_time_for_chooses_nothing_to_build_on(make_task, identity, steps, monkeypatch):
    monkeypatch.setattr(Coral, "builds_on_candidates", True)
    monkeypatch.setattr(Coral, "predicted_seconds", lambda *_: 500.0)
    monkeypatch.setattr(Coral, "built_on", lambda *_: pytest.fail("asked"))
    found = adaptation_to(make_task(8, move=moved)[0], identity, methods=("coral",), minutes=2, steps=steps)
    assert found.candidates[-1].rejection.startswith("it would take about 500 s")


def test_a_method_that_can_build_on_none_is_not_fitted(make_task, identity, steps, monkeypatch):
    monkeypatch.setattr(Coral, "builds_on_candidates", True)
    monkeypatch.setattr(Coral, "built_on", lambda *_: None)
    found = adaptation_to(make_task(8, move=moved)[0], identity, methods=("coral",), steps=steps)
    assert found.candidates[-1].rejection == "no model that was adapted in closed form is accepted, on which it could build"


@pytest.mark.slow
def test_only_candidates_that_may_be_chosen_are_fitted_back(make_task, identity, tmp_path, monkeypatch):
    monkeypatch.setattr(consensus, "MOST_MEMBERS", 2)
    monkeypatch.setattr(model_selection, "LEVEL_OF_FIT", 1.1)
    found = adaptation_to(make_task(3, move=moved)[0], identity, methods=METHODS, steps=Steps(tmp_path))
    validated = {one.name for one in found.candidates if one.scores["circular"] is not None}
    assert validated == {"source_only", *found.chosen}
    assert len(list(tmp_path.glob("circular-*.json"))) == len(validated) == 3


def test_where_the_time_is_over_the_unadapted_model_is_kept_and_says_how_to_go_on(make_task, identity, tmp_path, monkeypatch):
    steps = Steps(tmp_path)  # of its own: a fit that is there is read, however late it is
    stopper, fit = Stopper(), candidate_fitting.CandidateFitter.fitted_into

    def last_fit(self, folder, method):
        made = fit(self, folder, method)
        stopper.deadline = 0.0
        return made

    monkeypatch.setattr(candidate_fitting.CandidateFitter, "fitted_into", last_fit)
    with stoppable(stopper):
        found = adaptation_to(make_task(8, move=moved)[0], identity, methods=METHODS[:3], minutes=2, steps=steps)
    assert found.chosen == UNADAPTED
    assert found.reasons[-1] == (
        "Every candidate but the unadapted model is rejected, most often because the time was over: give --minutes 3."
    )
    assert (found.stopped, found.minutes) == ("over", 2)
    assert found.unfinished == (
        "The time was over before everything was tried. The same command with --minutes 3 goes on from here, with room for "
        f"{METHODS[0]}."
    )


def test_before_the_unadapted_model_is_fitted_nothing_can_be_chosen(make_task, identity, steps):
    with stoppable(Stopper(interrupted=True)), pytest.raises(StoppedError, match="interrupted"):
        adaptation_to(make_task(8, move=moved)[0], identity, methods=METHODS[:3], steps=steps)


def test_what_the_budget_has_no_room_for_is_left_out_with_its_price(make_task, identity, steps, monkeypatch):
    monkeypatch.setattr(Coral, "predicted_seconds", lambda *_: 200.0)
    found = adaptation_to(make_task(8, move=moved)[0], identity, methods=METHODS[:3], minutes=3, steps=steps)
    assert {one.name: one.rejection for one in found.candidates}["coral"] == "it would take about 200 s; give --minutes 4"
    assert found.unfinished == (
        "The budget had no room for everything. The same command with --minutes 4 goes on from here, with room for coral."
    )
    whole = adaptation_to(make_task(8, move=moved)[0], identity, methods=METHODS[:3], minutes=4, steps=steps)
    assert (whole.stopped, whole.unfinished) == ("", "")


@pytest.mark.slow
def test_rows_to_label_are_unlabeled_rows_where_candidates_differ(make_task, identity, steps):
    task, _ = make_task(3, move=moved)
    found = rows_to_label(task, identity, 20, methods=METHODS, steps=steps)
    assert len(found.names) == len(found.rows) == len(found.guesses) == 20
    assert 10 < found.num_differing < 131
    assert found.names == tuple(task.unlabeled.images.name(row) for row in found.rows)


@pytest.mark.slow
def test_only_images_without_a_label_are_asked_for(make_task, identity):
    task, _ = make_task(3, move=moved, num_labeled=100)
    found = rows_to_label(task, identity, 7, methods=METHODS[:2])
    assert set(found.names) <= {task.unlabeled.images.name(row) for row in range(31)}
    with pytest.raises(DataError) as caught:
        rows_to_label(replace(task, unlabeled=None), identity, 7)
    assert str(caught.value) == "places has no target image without a label. Add a folder unlabeled/."


@pytest.mark.slow
def test_of_many_target_rows_some_are_used_and_places_are_those_among_all(make_task, identity, monkeypatch):
    monkeypatch.setattr("headstart.planning.adapting.domain_pair.MOST_ROWS", 50)
    task, _ = make_task(3, move=moved)
    found = rows_to_label(task, identity, 7, methods=METHODS[:1])
    assert found.names == tuple(task.unlabeled.images.name(row) for row in found.rows)
    assert len(domain_pair_of(task, identity).target) == 50


def test_what_cannot_be_adapted_to_is_refused(make_task, identity):
    task, _ = make_task(9)
    refusals = {
        "places has no source to adapt from. Name one with --source.": replace(task, source=None),
        'The source shows the class "ant" alone, and a classifier needs two classes. Name another source.': replace(
            task, source=task.source.take(task.source.labels == 0)
        ),
        "places has 1 target images, and adapting needs two or more. Add a folder unlabeled/.": replace(
            task, unlabeled=task.unlabeled.take([0])
        ),
    }
    for sentence, bad in refusals.items():
        with pytest.raises(DataError) as caught:
            adaptation_to(bad, identity)
        assert str(caught.value) == sentence


def test_a_method_that_needs_no_source_is_refused(make_task, identity):
    with pytest.raises(PlanError) as caught:
        adaptation_to(make_task(9)[0], identity, methods=("ridge",))
    assert str(caught.value) == '"ridge" does not adapt from a source. `headstart methods` lists those that do.'


@pytest.mark.slow
def test_where_the_target_shows_some_regions_more_often_nothing_is_moved(identity):
    """A curved boundary that ridge on few axes bends by the region that the target shows: nothing may be moved there."""
    random = np.random.default_rng(2)
    source, many = random.normal(size=(403, 2)) * 2.0, random.normal(size=(3000, 2)) * 2.0
    nearness = np.exp(-((many - np.array([1.5, 0.5])) ** 2).sum(axis=1) / 4)
    target = many[random.uniform(size=3000) < nearness][:307]
    num = len(target)
    labels = (source[:, 1] + 0.4 * source[:, 0] ** 2 > 1.0).astype(np.int64)

    def rows(features, known, domain):
        images = Embeddings(features.astype(np.float32), domain, np.arange(len(features)))
        return ImageSet(images, ("low", "high"), known, np.arange(len(features)), domains=(domain,) * len(features))

    hidden = rows(target, np.full(num, UNLABELED), "target")
    task = Task("curve", ("low", "high"), hidden.take([]), unlabeled=hidden, source=rows(source, labels, "source"))
    found = adaptation_to(task, identity, methods=("shared_mixture", "linear_monge", "domain_mean"))
    assert found.chosen in (UNADAPTED, ("shared_mixture",))
