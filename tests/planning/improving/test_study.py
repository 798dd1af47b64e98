"""What is searched, and what a search begins with."""

from __future__ import annotations

import pytest

from headstart.core.ranges import Choices, Interval
from headstart.data.summary import TaskSummary
from headstart.planning.improving.study import distance, plan_with, settings_in, space_of, warm_starts_from
from headstart.planning.plan import Plan
from headstart.training.settings import Training

SUMMARY = TaskSummary(
    name="pets", place="pets", classes=("a", "b", "c", "d"), train_counts=(16, 16, 16, 16), num_train=64, num_validation=0,
    num_test=0, num_unlabeled=0, native_pixels=32, channels=3, seed=0, task_fingerprint="f",
)  # fmt: skip


def plan_of(kind: str = "knn", **other) -> Plan:
    values = {"pretrained": "efficientnet_lite0", "input_pixels": 96, "method": {"kind": kind}}
    return Plan(data="pets", **{**values, **other})


def test_a_closed_form_is_searched_over_its_own_settings():
    space = space_of(plan_of())
    assert space["method.num_neighbors"] == Interval(1, 100, whole=True)
    assert set(space) == {"method.num_neighbors", "method.blocks"}


def test_feature_vectors_leave_no_choice_of_blocks():
    assert set(space_of(plan_of(pretrained="embeddings", weights="none"))) == {"method.num_neighbors"}


def test_a_gradient_method_is_searched_over_marked_fields_of_training_too():
    space = space_of(plan_of("lp_ft"))
    assert space["method.depth"] == Choices(("late", "middle", "early", "third", "all"))
    assert space["training.lr"] == Interval(1e-4, 1e-2)
    assert "training.momentum" not in space


def test_the_values_of_the_plan_are_part_of_the_space():
    space = space_of(plan_of("lp_ft", method={"kind": "lp_ft", "body_scale": 0.01}, training=Training(lr=0.5)))
    assert space["training.lr"] == Interval(1e-4, 0.5)
    assert space["method.body_scale"].low == 0.01


def test_what_is_held_is_not_searched():
    assert "training.lr" not in space_of(plan_of("lp_ft"), fixed=["training.lr"])
    assert set(space_of(plan_of(), fixed=["method.blocks"])) == {"method.num_neighbors"}


def test_settings_go_into_a_plan_and_come_out_again():
    plan = plan_of("lp_ft", temperature=1.7)
    space = space_of(plan)
    settings = {**settings_in(plan, space), "training.lr": 3e-3, "method.depth": "late"}
    changed = plan_with(plan, settings)
    assert settings_in(changed, space) == settings
    assert (changed.training.lr, changed.method["depth"], changed.temperature) == (3e-3, "late", None)
    assert plan.training.lr == 1e-3


@pytest.mark.parametrize(
    ("changes", "far"),
    [({}, 0), ({"num_train": 16}, 2), ({"classes": tuple("abcdefgh")}, 1), ({"native_pixels": 128, "num_train": 128}, 3)],
)
def test_tasks_are_apart_by_factors_of_two(changes, far):
    assert distance(SUMMARY, SUMMARY.model_copy(update=changes)) == pytest.approx(far)


def test_tasks_of_feature_vectors_have_no_side_and_a_distance_all_the_same():
    assert distance(SUMMARY.model_copy(update={"native_pixels": 0}), SUMMARY) == pytest.approx(5)


def test_a_pretraining_without_classes_is_far_away_and_no_error():
    bare = SUMMARY.model_copy(update={"classes": (), "num_train": 0})
    assert distance(bare, SUMMARY) == distance(SUMMARY, bare) == pytest.approx(2 + 6)


def test_a_search_begins_with_what_similar_tasks_chose_the_nearest_first():
    def past(name: str, num_train: int, neighbors: int, kind: str = "knn"):
        method = {"kind": kind} if kind == "ridge" else {"kind": kind, "num_neighbors": neighbors}
        return name, SUMMARY.model_copy(update={"num_train": num_train}), plan_of(kind, method=method)

    runs = [past("far", 4096, 2), past("near", 64, 3), past("other", 64, 9, "ridge"), past("next", 32, 4), past("last", 9999, 5)]
    plan = plan_of()
    found = warm_starts_from(runs, SUMMARY, plan, space_of(plan))
    assert [one.run for one in found] == ["near", "next", "far"]
    assert [one.settings["method.num_neighbors"] for one in found] == [3, 4, 2]


def test_settings_met_before_and_those_outside_of_the_space_are_left_out():
    plan = plan_of(method={"kind": "knn", "num_neighbors": 7})
    runs = [
        ("same", SUMMARY, plan),
        ("once", SUMMARY, plan_of(method={"kind": "knn", "num_neighbors": 8})),
        ("twice", SUMMARY, plan_of(method={"kind": "knn", "num_neighbors": 8})),
        ("outside", SUMMARY, plan_of(method={"kind": "knn", "num_neighbors": 101})),
    ]
    assert [one.run for one in warm_starts_from(runs, SUMMARY, plan, space_of(plan))] == ["once"]
