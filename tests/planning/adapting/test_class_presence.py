"""Which classes of the source a target shows: missing ones are left out where a test finds them, and none elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.language import language_named
from headstart.data.sources.source_classes import only_source_classes
from headstart.planning.adapting.class_presence import (
    LEVEL,
    ClassPresence,
    agreement_gain,
    classes_of_target,
    shown_classes,
)
from headstart.planning.fitting import task_of_plan
from headstart.planning.plan import Plan

CLASSES = ("ant", "bee", "cat", "dog", "eel")
MISSING = (0.4, 0.6, 0.0, 0.0, 0.0)


def moved(rows: np.ndarray) -> np.ndarray:
    return rows * np.linspace(0.6, 1.6, rows.shape[1]) + np.linspace(-3.0, 3.0, rows.shape[1])


@pytest.mark.parametrize("seed", [4, 7, 9])
def test_classes_that_the_target_lacks_are_found_across_a_shift(make_task, identity, seed):
    task, _ = make_task(seed, shares=MISSING, move=moved, spread=1.5)
    found = classes_of_target(task, identity)
    assert found.missing
    assert set(found.missing) <= {"cat", "dog", "eel"}
    assert (*found.present, *found.missing) == CLASSES
    assert found.p_value <= LEVEL
    assert found.after > found.before


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_nothing_is_left_out_where_nothing_is_missing(make_task, identity, seed):
    task, _ = make_task(seed, move=moved, spread=1.5)
    found = classes_of_target(task, identity)
    assert (found.present, found.missing, found.findings) == (CLASSES, (), ())
    assert found.p_value > LEVEL


def test_classes_with_a_target_label_are_kept(make_task, identity):
    task, _ = make_task(4, shares=MISSING, move=moved, spread=1.5)
    missing = classes_of_target(task, identity).missing[0]
    labeled = replace(task.unlabeled.take(np.arange(1)), hidden_labels=np.array([CLASSES.index(missing)]))
    assert missing in classes_of_target(replace(task, train=labeled), identity).present


def test_few_images_or_classes_say_nothing(make_task, identity):
    task, _ = make_task(3, shares=MISSING, move=moved)
    few = replace(task, unlabeled=task.unlabeled.take(np.arange(49)))
    assert classes_of_target(few, identity) == ClassPresence(present=CLASSES)
    three = only_source_classes(task, CLASSES[:3])
    assert classes_of_target(three, identity) == ClassPresence(present=CLASSES[:3])


def test_shares_below_half_of_what_the_kept_classes_would_have_are_left_out():
    source = np.array([0.25, 0.25, 0.25, 0.25])
    assert shown_classes(np.array([0.5, 0.36, 0.1, 0.04]), source).tolist() == [True, True, False, False]
    assert shown_classes(np.array([0.3, 0.3, 0.2, 0.2]), source).tolist() == [True] * 4
    assert shown_classes(np.array([1.0, 0.0, 0.0, 0.0]), source).tolist() == [True] * 4  # one class is no classifier
    assert shown_classes(np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.5, 0.0])).tolist() == [True, True, False]


def test_only_a_clear_gain_in_agreement_passes_the_test():
    random = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 67)
    rows = np.eye(3)[truth] * 4.0 + random.normal(size=(201, 3)) * 0.3
    noisy = np.where(random.random(201) < 0.4, random.integers(0, 3, 201), truth)
    before, after, p_value = agreement_gain(rows, noisy, truth, 0)
    assert before < 0.6 < 0.9 < after < 1.001
    assert p_value <= LEVEL
    assert agreement_gain(rows, truth, truth, 0)[2] == 1.0
    assert agreement_gain(rows, truth, noisy, 0)[2] == 1.0


def test_a_task_keeps_its_classes_and_target_when_source_classes_are_left_out(make_task):
    task, _ = make_task(3)
    part = only_source_classes(task, ("ant", "eel"))
    assert set(part.source.labels.tolist()) == {0, 4}
    assert (part.classes, part.unlabeled) == (task.classes, task.unlabeled)
    assert only_source_classes(task, CLASSES) is task
    alone = replace(task, source=None)
    assert only_source_classes(alone, ("ant",)) is alone


def test_a_plan_is_fitted_to_the_source_classes_that_it_names(tmp_path):
    random = np.random.default_rng(0)
    for name, labels in (("source", ["ant", "bee", "cat"] * 20), ("target", [""] * 30)):
        np.savez(tmp_path / f"{name}.npz", features=random.normal(size=(len(labels), 4)), labels=np.array(labels))
    plan = Plan(
        data=str(tmp_path / "target.npz"), sources=(str(tmp_path / "source.npz"),), source_classes=("ant", "cat"),
        pretrained="embeddings", input_pixels=1, method={"kind": "coral"},
    )  # fmt: skip
    assert Plan.from_toml(plan.to_toml()) == plan
    task = task_of_plan(plan)
    assert task.source.class_counts.tolist() == [20, 0, 20]
    assert task_of_plan(plan.model_copy(update={"source_classes": None})).source.class_counts.tolist() == [20, 20, 20]


def test_the_finding_names_five_classes_and_is_translated():
    (finding,) = ClassPresence(present=("x", "y"), missing=tuple("abcdefg"), before=0.4, after=0.6, p_value=0.001).findings
    assert finding.title == ("The target seems not to show some classes of the source: a, b, c, d, e and 2 more.")
    for text in (finding.title, finding.advice):
        assert "target" not in language_named("zh").sentence(text)
