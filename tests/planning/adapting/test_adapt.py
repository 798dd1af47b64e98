"""The whole of adapting: who is chosen under which shift, and that no target label is needed or read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.core.estimate import Estimate
from headstart.core.steps import Steps
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.planning.adapting import candidate_fitting, model_selection
from headstart.planning.adapting.accuracy_estimate import findings_of
from headstart.planning.adapting.adapt import adapt, adaptation_to, rows_to_label
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.adapting.domain_pair import domain_pair_of
from headstart.training.settings import Training

METHODS = ("domain_mean", "coral", "linear_monge", "bbse", "mlls")
SKEWED = (0.5, 0.25, 0.15, 0.05, 0.05)
OFFSET = np.random.default_rng(5).normal(size=16) * 2.5


def moved(rows: np.ndarray) -> np.ndarray:
    """A planted affine shift."""
    return rows * np.linspace(0.4, 2.0, rows.shape[1]) + OFFSET


def accuracy(model, task, truth: np.ndarray) -> float:
    return float((model.predict(task.pool).predicted == truth).mean())


def test_a_planted_affine_shift_is_adapted_to(make_task, identity):
    task, truth = make_task(3, move=moved)
    model, found = adapt(task, identity, methods=METHODS)
    before = adapt(task, identity, methods=("source_only",)).model
    assert found.shift.kind == "features"
    assert found.adapted
    assert accuracy(model, task, truth) > max(0.95, accuracy(before, task, truth) + 0.05)
    assert found.at_most_lost > 0.05
    assert [vote.name for vote in found.votes] == ["source_only", *METHODS[:1], "coral", "linear_monge", "bbse", "mlls"]


def test_what_can_have_been_lost_is_counted_on_what_the_model_says(make_task, identity):
    task, _ = make_task(7, move=moved)
    model, found = adapt(task, identity, methods=METHODS[:3])
    unadapted = adapt(task, identity, methods=("source_only",)).model
    assert len(found.chosen) > 1
    says, before = (one.predict(task.pool).predicted for one in (model, unadapted))
    assert [point.label for point in found.map.target] == says.tolist()
    assert found.at_most_lost == (says != before).mean()


@pytest.mark.parametrize("seed", [3, 4])
def test_other_class_shares_are_corrected_and_nothing_is_moved(make_task, identity, seed):
    task, truth = make_task(seed, shares=SKEWED, spread=1.7)
    model, found = adapt(task, identity, methods=METHODS)
    before = adapt(task, identity, methods=("source_only",)).model
    assert found.shift.kind in {"labels", "either"}
    assert set(found.chosen) <= {"source_only", "bbse", "mlls"}
    assert accuracy(model, task, truth) >= accuracy(before, task, truth) - 0.01


def test_domains_that_do_not_differ_keep_the_unadapted_model(make_task, identity):
    task, _ = make_task(4, spread=1.3)
    found = adapt(task, identity, methods=METHODS).adaptation
    assert found.chosen == ("source_only",)
    assert not found.adapted
    assert found.at_most_lost == 0.0
    assert found.reasons[-1] == "There is nothing to adapt to."


def test_a_target_of_few_images_keeps_the_unadapted_model_and_says_that_they_are_few(make_task, identity):
    task, _ = make_task(3, move=moved)
    few = replace(task, unlabeled=task.unlabeled.take(np.arange(5)))
    found = adapt(few, identity, methods=METHODS).adaptation
    assert (found.chosen, found.findings) == (("source_only",), ())
    assert found.reasons == (
        "The target has fewer than 8 images, too few to tell what changed.",
        "Without labels, the unadapted model is kept.",
    )
    reason = "it was not tried, as the target has too few images to tell what changed"
    assert [vote.refused for vote in found.votes] == ["", *[reason] * len(METHODS)]


def test_from_few_images_nobody_concludes_that_the_source_does_not_fit(make_task, identity):
    task, _ = make_task(3, move=moved)
    scene = domain_pair_of(replace(task, unlabeled=task.unlabeled.take(np.arange(5))), identity, 3)
    low, said = Estimate(value=0.01, low=0.0, high=0.02), np.zeros(5, np.int64)
    assert list(findings_of(scene, low, ("source_only",), said, said, fits=True)) == []
    told = replace(scene, shift=scene.shift.model_copy(update={"kind": "features"}))
    assert [one.code for one in findings_of(told, low, ("source_only",), said, said, fits=True)] == ["source-does-not-fit"]


def test_a_poisoned_source_is_reported(make_task, identity):
    task, _ = make_task(5, poisoned=True)
    found = adapt(task, identity, methods=METHODS).adaptation
    assert [finding.code for finding in found.findings] == ["source-teaches-nothing"]
    assert found.chosen == ("source_only",)


def test_the_estimate_covers_the_accuracy_where_domains_do_not_differ(make_task, identity):
    task, truth = make_task(6, spread=1.7)
    model, found = adapt(task, identity, methods=METHODS[:1])
    assert found.accuracy.low - 0.03 <= accuracy(model, task, truth) <= found.accuracy.high + 0.03


def test_labels_take_the_place_of_the_vote_and_join_the_fit(make_task, identity):
    task, truth = make_task(3, move=moved, num_labeled=20)
    model, found = adapt(task, identity, methods=METHODS)
    assert found.num_labeled == 20
    assert found.reasons[-1].startswith("Labels decide: of 20 labeled target images")
    assert accuracy(model, task, truth) > 0.95


def test_who_agrees_and_is_one_too_many_is_told_so(make_task, identity, monkeypatch):
    monkeypatch.setattr(model_selection, "MOST_TOGETHER", 2)
    task, _ = make_task(7, move=moved)
    found = adapt(task, identity, methods=("domain_mean", "coral", "linear_monge", "domain_standardization")).adaptation
    assert len(found.chosen) == 2
    refused = {vote.refused for vote in found.votes if vote.name not in (*found.chosen, "source_only")}
    assert "2 that agree no less predict already" in refused
    assert {vote.refused for vote in found.votes if vote.name in found.chosen} == {""}


def test_the_record_survives_json_and_the_same_seed_gives_the_same_one(make_task, identity):
    task, _ = make_task(7, move=moved)
    found, again = (adapt(task, identity, methods=METHODS[:2]).adaptation for _ in range(2))
    assert Adaptation.from_json(found.to_json()) == found
    assert found.map == again.map
    assert [vote.values for vote in found.votes] == [vote.values for vote in again.votes]
    assert (len(found.map.source), len(found.map.moved), len(found.map.target)) == (163, 163, 131)


def test_a_restart_tries_nothing_again(make_task, identity, tmp_path, monkeypatch):
    task, _ = make_task(8, move=moved)
    first = adapt(task, identity, methods=METHODS[:2], steps=Steps(tmp_path)).adaptation
    monkeypatch.setattr(candidate_fitting.CandidateFitter, "_tried", lambda *_: pytest.fail("tried again"))
    again = adapt(task, identity, methods=METHODS[:2], steps=Steps(tmp_path)).adaptation
    assert [vote.values for vote in again.votes] == [vote.values for vote in first.votes]


def test_what_another_input_size_or_training_gives_is_tried_anew(make_task, identity, tmp_path, monkeypatch):
    task, _ = make_task(8, move=moved)
    first = adapt(task, identity, methods=METHODS[:1], steps=Steps(tmp_path)).adaptation
    tried = []
    original = candidate_fitting.CandidateFitter._tried
    monkeypatch.setattr(
        candidate_fitting.CandidateFitter,
        "_tried",
        lambda self, *others: (tried.append(others[0].kind()), original(self, *others))[1],
    )
    larger = load_backbone("embeddings", "pretrained", 2, 0)
    assert larger.weights_hash == identity.weights_hash
    other = adapt(task, larger, methods=METHODS[:1], steps=Steps(tmp_path)).adaptation
    assert tried == [vote.name for vote in first.votes] == [vote.name for vote in other.votes]
    adapt(task, identity, methods=METHODS[:1], steps=Steps(tmp_path), training=Training(seed=8, lr=0.5))
    assert len(tried) == 2 * len(first.votes)


def test_who_predicts_is_told_without_fitting_it_once_more(make_task, identity, monkeypatch):
    task, _ = make_task(4, spread=1.3)
    fitted = adapt(task, identity).adaptation
    monkeypatch.setattr(candidate_fitting.CandidateFitter, "model", lambda *_: pytest.fail("fitted again"))
    found = adaptation_to(task, identity)
    assert (found.chosen, found.reasons, found.map) == (fitted.chosen, fitted.reasons, fitted.map)


def test_a_method_that_breaks_down_is_refused_with_its_reason(make_task, identity, monkeypatch):
    task, _ = make_task(8, move=moved)

    def broken(*_):
        raise DataError("Too large.")

    monkeypatch.setattr("headstart.methods.adapt.coral.Coral.fit", broken)
    votes = {vote.name: vote for vote in adapt(task, identity, methods=METHODS[:2]).adaptation.votes}
    assert votes["coral"].refused == "Too large."
    assert votes["coral"].values == {}


def test_without_time_the_unadapted_model_comes_back_and_says_why(make_task, identity):
    task, _ = make_task(8, move=moved)
    found = adapt(task, identity, methods=METHODS[:3], minutes=1e-9).adaptation
    assert found.chosen == ("source_only",)
    assert found.reasons[-1] == "No candidate but the unadapted model could be judged: of most, no time was left."


def test_rows_to_label_are_unlabeled_rows_where_candidates_differ(make_task, identity):
    task, _ = make_task(3, move=moved)
    found = rows_to_label(task, identity, 20, methods=METHODS)
    assert len(found.names) == len(found.rows) == len(found.guesses) == 20
    assert 10 < found.num_differing < 131
    assert found.names[0] == task.unlabeled.images.name(found.rows[0])


def test_only_images_without_a_label_are_asked_for(make_task, identity):
    task, _ = make_task(3, move=moved, num_labeled=100)
    found = rows_to_label(task, identity, 7, methods=METHODS[:2])
    assert set(found.names) <= {task.unlabeled.images.name(row) for row in range(31)}
    with pytest.raises(DataError) as caught:
        rows_to_label(replace(task, unlabeled=None), identity, 7)
    assert str(caught.value) == "places has no target image without a label. Add a folder unlabeled/."


def test_of_many_target_rows_some_are_looked_at_and_places_are_those_among_all(make_task, identity, monkeypatch):
    monkeypatch.setattr("headstart.planning.adapting.domain_pair.MOST_ROWS", 50)
    task, _ = make_task(3, move=moved)
    found = rows_to_label(task, identity, 7, methods=METHODS[:1])
    assert found.names == tuple(task.unlabeled.images.name(row) for row in found.rows)
    assert adapt(task, identity, methods=METHODS[:1]).adaptation.num_target == 50


def test_what_cannot_be_adapted_to_is_refused(make_task, identity):
    task, _ = make_task(9)
    refusals = {
        "places has no source to adapt from. Name one with --source.": replace(task, source=None),
        'The source shows the class "ant" alone, and nothing can be told from one class. Name another source.': replace(
            task, source=task.source.take(task.source.labels == 0)
        ),
        "places has 1 target images, and adapting needs two or more. Add a folder unlabeled/.": replace(
            task, unlabeled=task.unlabeled.take([0])
        ),
    }
    for sentence, bad in refusals.items():
        with pytest.raises(DataError) as caught:
            adapt(bad, identity)
        assert str(caught.value) == sentence


def test_a_method_that_needs_no_source_is_refused(make_task, identity):
    with pytest.raises(PlanError) as caught:
        adapt(make_task(9)[0], identity, methods=("ridge",))
    assert str(caught.value) == '"ridge" does not adapt from a source. `headstart methods` lists those that do.'


def test_a_target_that_shows_some_regions_more_often_counts_source_rows_by_weights(identity):
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
    found = adapt(task, identity, methods=("density_ratio", "linear_monge", "domain_mean")).adaptation
    assert found.shift.kind == "features"
    assert set(found.chosen) <= {"source_only", "density_ratio"}
    assert any("counted by weights pass for the target" in reason for reason in found.reasons)
