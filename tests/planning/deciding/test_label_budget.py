"""The label budget refits what was chosen, and says what it refitted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.core.steps import Steps
from headstart.planning.deciding import label_budget as module
from headstart.planning.deciding import unlabeled_gain
from headstart.planning.deciding.decide import decide
from headstart.planning.deciding.learning_curve import fit_curve
from headstart.planning.deciding.options import Options


@pytest.fixture
def decided(tmp_path, vectors, ranking):
    """The decision about vectors, of which those of the test are unlabeled where that is asked for."""

    def call(*, unlabeled: bool = False, **options):
        task = vectors()
        task = replace(task, test=None, unlabeled=task.test.without_labels() if unlabeled else None)
        return decide(task, ranking(), Options(**options), Steps(tmp_path / "steps"), minutes=1)[0]

    return call


def test_the_chosen_head_is_refitted_and_its_curve_ends_at_its_out_of_fold_error(decided):
    decision = decided(method="ridge")
    curve = decision.curve
    assert (curve.exact, curve.recipe) == (True, decision.chosen)
    assert [one.factor for one in curve.forecasts] == [1.5, 2.0, 4.0]
    accuracy = next(one.accuracy for one in decision.results if one.name == decision.chosen)
    assert curve.points[-1].error == pytest.approx(1 - accuracy.value)
    assert curve.sentence in decision.reasons
    assert curve.sentence.startswith(f"Twice the labels ({2 * curve.num_labels:,}) would buy ")
    assert curve.sentence.endswith("by refitting the chosen model to parts of the labels.")
    assert (curve.unlabeled.hidden, curve.unlabeled.method, curve.no_unlabeled) == (True, "label_mean", "")


def test_what_the_choice_among_candidates_added_is_taken_off_expected_accuracies(decided, monkeypatch):
    alone = decided(method="ridge").curve
    assert alone.bias == 0
    chosen = decided()
    monkeypatch.setattr(module, "selection_bias", lambda *_: {"accuracy": 0.03})
    monkeypatch.setattr(module, "fingerprint_of_choice", lambda *_: "another choice")
    biased = decided()
    assert biased.curve.bias == 0.03
    assert biased.curve.now.value == pytest.approx(chosen.curve.now.value - chosen.curve.bias + 0.03)
    assert biased.curve.points == chosen.curve.points


def test_heads_that_take_too_long_are_refitted_to_smaller_parts_and_nothing_is_hidden(decided, monkeypatch):
    for owner in (module, unlabeled_gain):
        monkeypatch.setattr(owner, "seconds_of_head", lambda method, num_rows, backbone: num_rows / 10)
    curve = decided(method="ridge").curve
    assert curve.points[0].num_rows < 0.1 * curve.points[-1].num_rows
    assert curve.unlabeled is None
    assert curve.no_unlabeled.startswith("hiding labels to measure it would take ")


def test_unlabeled_images_that_there_are_are_judged_by_the_candidates(decided):
    decision = decided(unlabeled=True)
    found = decision.curve.unlabeled
    assert (found.hidden, found.num_unlabeled, found.method, found.against) == (False, 23, "label_mean", "ridge")
    accuracies = {one.method["kind"]: one.accuracy.value for one in decision.results if one.accuracy and not one.partners}
    assert found.gain.value == pytest.approx(accuracies[found.method] - accuracies["ridge"])


def test_a_curve_of_other_heads_is_scaled_to_the_error_of_what_is_trained(vectors, ranking, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "is_gradient", lambda method: method["kind"] == "kernel_ridge")
    monkeypatch.setattr(
        module, "fit_curve", lambda measured, other, *bias: seen.append(other) or fit_curve(measured, other, *bias)
    )
    task = replace(vectors(shift=1.0), test=None)
    decision = decide(task, ranking(), Options(), Steps(tmp_path / "steps"), minutes=1)[0]
    assert decision.chosen == "mean of 2: ridge and kernel_ridge on the given features"
    curve = decision.curve
    assert (curve.exact, curve.recipe) == (False, "ridge on the given features")
    assert len(seen[0].wrong) == len(seen[0].groups) == 61
    assert curve.sentence.endswith(f"by the curve of {curve.recipe}, scaled to the chosen model.")


def test_few_labels_have_no_curve(vectors, ranking, tmp_path):
    task = replace(vectors(num=39), test=None)
    assert decide(task, ranking(), Options(), Steps(tmp_path / "steps"), minutes=1)[0].curve is None


@pytest.mark.parametrize(("num_groups", "measured"), [(2, False), (3, True)])
def test_groups_that_are_too_few_to_take_a_part_of_are_told_and_equal_parts_are_left_out(
    vectors, ranking, tmp_path, num_groups, measured
):
    task = vectors()
    groups = np.arange(61) % num_groups
    task = replace(task, test=None, train=replace(task.train, groups=groups))
    decision = decide(task, ranking(), Options(method="ridge"), Steps(tmp_path / "steps"), minutes=1)[0]
    assert (decision.curve is not None) == measured
    sentence = (
        "What more labels would buy is not measured: the labels that a fold is fitted to lie in too few groups to take a part of "
        "them."
    )
    assert (sentence in decision.reasons) != measured
    if decision.curve is not None:
        sizes = [point.num_rows for point in decision.curve.points]
        assert sizes == sorted(set(sizes))


def test_hidden_labels_are_of_all_classes_in_whatever_order_the_rows_are(vectors, ranking, tmp_path, monkeypatch):
    seen = []
    hiding = unlabeled_gain._hiding
    monkeypatch.setattr(unlabeled_gain, "MOST_UNLABELED", 12)
    monkeypatch.setattr(unlabeled_gain, "_hiding", lambda task, kept, rows: seen.append(rows) or hiding(task, kept, rows))
    task = vectors()
    task = replace(task, test=None, train=task.train.take(np.argsort(task.train.labels, kind="stable")))
    decide(task, ranking(), Options(method="ridge"), Steps(tmp_path / "steps"), minutes=1)
    assert seen
    for rows in seen:
        assert len(rows) == 12
        assert len(np.unique(task.labeled.labels[rows])) == 2


def test_the_gain_is_that_of_a_method_fixed_beforehand_and_not_of_the_best(monkeypatch):
    better, fixed, ridge = (
        SimpleNamespace(
            candidate=SimpleNamespace(method={"kind": kind}),
            predictions=SimpleNamespace(names=("a",)),
            members=(),
            result=SimpleNamespace(accuracy=SimpleNamespace(value=accuracy), num_folds=1),
        )
        for kind, accuracy in (("self_training", 0.9), ("label_mean", 0.5), ("ridge", 0.6))
    )
    monkeypatch.setattr(unlabeled_gain, "like", lambda trials, own, kind: ridge.candidate)
    gain = Estimate(value=-0.1, low=-0.2, high=0.0)
    monkeypatch.setattr(unlabeled_gain, "compare", lambda one, two, seed: SimpleNamespace(accuracy_gain=gain))
    task = SimpleNamespace(seed=0, unlabeled=[0], folds=(SimpleNamespace(fit=[0, 1]),))
    found, _ = unlabeled_gain.unlabeled_gain(SimpleNamespace(task=task, validated=[ridge, better, fixed]))
    assert (found.method, found.gain) == ("label_mean", gain)
