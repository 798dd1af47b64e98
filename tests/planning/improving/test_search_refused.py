"""What a search refuses before it begins."""

from __future__ import annotations

import sys

import pytest
from searched import plan_of, refused

from headstart.core.errors import DataError, MissingExtraError, PlanError
from headstart.planning.improving import search
from headstart.planning.improving.search import check_budget
from headstart.planning.plan import Plan


@pytest.fixture
def task(vectors):
    return vectors(1.5, 97)


@pytest.mark.slow
def test_a_study_of_another_task_or_plan_is_refused(task, vectors, tmp_path):
    search.search(task, plan_of(), tmp_path, trials=1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    text = f"{tmp_path} holds a study of another task or plan, or of data that changed since. Give another --out, or delete it."
    assert refused(PlanError, lambda: search.search(vectors(1.0, 61), plan_of(), tmp_path)) == text
    assert refused(PlanError, lambda: search.search(task, plan_of(7), tmp_path)) == text
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_that_holds_something_else_is_refused_and_left_as_it_is(task, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text("of a finished run")
    text = f"{tmp_path} holds something else than a search. Give another --out, or delete it."
    assert refused(PlanError, lambda: search.search(task, plan_of(), tmp_path)) == text
    assert refused(PlanError, lambda: search.search(task, plan_of(), plan)) == f"{plan} is a file. Give another --out."
    assert list(tmp_path.iterdir()) == [plan]
    assert plan.read_text() == "of a finished run"


def test_one_label_a_class_leaves_nothing_to_compare(task, tmp_path):
    text = refused(DataError, lambda: search.search(task.restricted_to([0, 2]), plan_of(), tmp_path))
    assert text == (
        "No class has two labels, so that nothing can be held out and no comparison made. Label at least two images of a class."
    )
    assert not list(tmp_path.iterdir())


def test_a_damaged_study_file_is_told(task, tmp_path):
    (tmp_path / "study.json").write_text('{"task_fingerprint": ')
    assert str(tmp_path / "study.json") in refused(PlanError, lambda: search.search(task, plan_of(), tmp_path))


def test_a_method_without_settings_and_one_that_lacks_something_are_refused_at_once(task, tmp_path):
    nothing = plan_of(method={"kind": "nearest_mean"})
    assert refused(PlanError, lambda: search.search(task, nothing, tmp_path)) == (
        "nearest_mean has no setting to search. `headstart methods` lists methods that have."
    )
    assert refused(PlanError, lambda: search.search(task, plan_of(), tmp_path, fixed=("method.num_neighbors",))) == (
        "knn: what could be searched is fixed at method.num_neighbors. Leave one of them out."
    )
    with pytest.raises(Exception, match="pictures"):
        search.search(task, plan_of(method={"kind": "lp_ft"}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_a_method_lacks_in_its_backbone_is_told_before_the_folder_is_taken(pictures, tmp_path):
    plan = Plan(data="x", pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "co_tuning"})
    text = "co_tuning needs the classifier that small_cnn was trained with, and there is none. Choose l2_sp, or lp_ft."
    assert refused(PlanError, lambda: search.search(pictures, plan, tmp_path / "study")) == text
    assert not (tmp_path / "study").exists()


def test_without_optuna_nothing_is_begun(task, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    refused(MissingExtraError, lambda: search.search(task, plan_of(), tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        ((0.0,), "minutes = 0 is no budget. Give a positive number."),
        ((float("nan"),), "minutes = nan is no budget. Give a positive number."),
        ((None, 0), "trials = 0 leaves nothing to try. Give 1 or more."),
    ],
)
def test_a_budget_that_nothing_can_be_done_with_is_refused(budget, text):
    assert refused(PlanError, lambda: check_budget(*budget)) == text
    check_budget(None, 1)
    check_budget(0.1)
