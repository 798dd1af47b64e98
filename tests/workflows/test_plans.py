"""Plans changed by --set."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.errors import DataError, PlanError
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.planning.plan import Plan
from headstart.workflows import plans
from headstart.workflows.plans import changed, plan_and_task, plan_from_file

PLAN = Plan(data="flowers", pretrained="efficientnet_lite0", input_pixels=96, method={"kind": "lp_ft"})


def test_training_method_and_plan_fields_are_set():
    settings = {"training.lr": "0.002", "training.optimizer": "sgd", "method.flip": "true", "input_pixels": "128", "seed": "7"}
    plan = changed(PLAN, settings)
    assert (plan.training.lr, plan.training.optimizer) == (0.002, "sgd")
    assert plan.method["flip"] is True
    assert (plan.input_pixels, plan.seed) == (128, 7)


def test_a_bare_name_that_is_no_field_of_the_plan_is_a_setting_of_the_method():
    assert changed(PLAN, {"stage_decay": "0.9"}).method["stage_decay"] == 0.9


def test_another_method_takes_its_own_defaults():
    assert changed(PLAN, {"method.kind": "ridge"}).method == settings_of(method_from({"kind": "ridge"}))


def test_another_method_has_none_of_the_models_that_the_plan_spoke_of():
    fitted = PLAN.model_copy(update={"hold_out": True, "fold_models": 3, "temperature": 1.5})
    ridge, tuned = (changed(fitted, {"method.kind": kind}) for kind in ("ridge", "fine_tune"))
    assert (ridge.hold_out, ridge.fold_models, ridge.temperature) == (False, None, None)
    assert (tuned.hold_out, tuned.fold_models, tuned.temperature) == (True, None, None)
    assert changed(fitted, {"method.kind": "ridge", "temperature": "2.0"}).temperature == 2.0
    same = changed(fitted, {"method.depth": "early"})
    assert (same.hold_out, same.fold_models, same.temperature) == (True, 3, 1.5)


def test_another_method_takes_the_place_of_a_removed_one_whose_settings_go_with_it(tmp_path):
    old = PLAN.model_copy(update={"method": {"kind": "adda", "adversary_lr": 0.1}, "temperature": 1.5})
    (tmp_path / "plan.toml").write_text(old.to_toml(), encoding="utf-8")
    plan = plan_from_file(tmp_path / "plan.toml", {"method.kind": "jan"})
    assert plan.method == settings_of(method_from({"kind": "jan"}))
    assert plan.temperature is None
    assert changed(old, {"kind": "jan"}) == plan
    with pytest.raises(PlanError, match='method "adda" was removed'):
        plan_from_file(tmp_path / "plan.toml", {"training.epochs": "3"})


def test_the_plan_keeps_what_is_not_set():
    plan = changed(PLAN, {"training.epochs": "3"})
    assert plan.training == PLAN.training.model_copy(update={"epochs": 3})
    assert plan.data == PLAN.data


def test_a_closed_form_takes_its_seed():
    assert changed(PLAN, {"training.seed": "3", "method.kind": "logistic"}).training.seed == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training.lrr": "1"}, '--set: training.lrr is not a field. Did you mean "lr"?'),
        ({"trainin.lr": "1"}, '--set trainin.lr: no such part of a plan. Did you mean "training"?'),
        ({"training.lr": "-1"}, "--set: training.lr = -1: input should be greater than 0."),
        ({"a.b.c": "1"}, "--set a.b.c: no such part of a plan."),
        (
            {"training.seed": "3", "training.lr": "0.1", "method.kind": "knn"},
            "--set training.lr has no effect: knn is a closed form. Leave it out.",
        ),
    ],
)
def test_what_does_not_exist_or_has_no_effect_is_refused(settings, message):
    with pytest.raises(PlanError) as caught:
        changed(PLAN, settings)
    assert str(caught.value) == message


def test_a_plan_is_read_from_its_file(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN.to_toml(), encoding="utf-8")
    assert plan_from_file(tmp_path / "plan.toml", {}) == changed(PLAN, {})


def test_a_plan_that_a_person_changed_is_read_and_said_to_be_changed(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("HEADSTART_QUIET")
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.to_sealed_toml(), encoding="utf-8")
    assert plan_from_file(path, {}) == changed(PLAN, {})
    assert capsys.readouterr().err == ""
    path.write_text(PLAN.model_copy(update={"seed": 11}).to_toml() + PLAN.to_sealed_toml().splitlines()[-1], encoding="utf-8")
    assert plan_from_file(path, {}).seed == 11
    assert capsys.readouterr().err == f"{path} was changed since headstart wrote it, and is read as it is now.\n"


def test_an_absent_plan_is_one_sentence(tmp_path):
    path = tmp_path / "plan.toml"
    with pytest.raises(DataError) as caught:
        plan_from_file(path, {})
    assert (
        str(caught.value)
        == f"{path}: cannot be read (No such file or directory). `headstart decide DATA -o {path}` writes a plan."
    )


def test_a_plan_that_is_no_text_is_one_sentence(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError) as caught:
        plan_from_file(path, {})
    assert str(caught.value) == f"{path}: cannot be read (not UTF-8 text). `headstart decide DATA -o {path}` writes a plan."


def test_a_plan_is_read_on_the_data_that_are_given_with_it(monkeypatch):
    monkeypatch.setattr(plans, "task_of_plan", lambda plan: plan.data)
    assert plan_and_task(PLAN)[0] == "flowers"
    task, plan = plan_and_task("leaves", PLAN, settings={"training.epochs": 3})
    assert (task, plan.data, plan.training.epochs) == ("leaves", "leaves", 3)


def test_a_task_given_with_a_plan_has_the_sources_and_their_classes_that_the_plan_uses():
    def rows(domains: tuple[str, ...], labels: list[int]) -> ImageSet:
        num = len(labels)
        images = Embeddings(np.zeros((num, 2), np.float32), domains[0], np.arange(num))
        return ImageSet(images, ("ant", "bee"), np.array(labels, np.int64), np.arange(num), domains=domains)

    target = rows(("target",) * 2, [UNLABELED] * 2)
    source = rows(("photos", "photos", "sketches"), [0, 1, 0])
    task = Task("insects", ("ant", "bee"), target.take([]), unlabeled=target, source=source)
    assert plan_and_task(task, PLAN)[0] is task
    used, plan = plan_and_task(task, PLAN.model_copy(update={"domains": ("photos",), "source_classes": ("bee",)}))
    assert (used.source.labels.tolist(), used.source.domains, used.classes) == ([1], ("photos",), ("ant", "bee"))
    assert plan.source_classes == ("bee",)


@pytest.mark.parametrize("given", [(PLAN,), ("leaves", PLAN)])
def test_what_a_plan_names_is_not_given_beside_it(given):
    with pytest.raises(PlanError) as caught:
        plan_and_task(*given, method="ridge")
    assert str(caught.value) == "The plan names its own method and model. Change them with --set method.kind=... instead."
    with pytest.raises(PlanError) as caught:
        plan_and_task(*given, source="photos")
    assert str(caught.value) == "The plan names its own data, method and model. Leave out --source."
    for seed in (0, 3):
        with pytest.raises(PlanError) as caught:
            plan_and_task(*given, seed=seed)
        assert str(caught.value) == "The plan names its own data, method and model. Leave out --seed."


def test_a_plan_by_its_file_is_for_the_data_given_by_path(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(changed(PLAN, {"data": "absent", "method.kind": "ridge", "per_class": "3"}).to_toml(), encoding="utf-8")
    task, plan = plan_and_task("digits", str(path))
    assert (task.name, plan.data, plan.method["kind"]) == ("digits", "digits", "ridge")
    assert len(task.train) == 3 * task.num_classes


def test_a_given_task_loses_its_label_errors_once_where_the_plan_leaves_them_out():
    generator = np.random.default_rng(0)
    true = np.arange(120) % 3
    labels = np.where(np.arange(120) < 6, (true + 1) % 3, true)
    features = (np.eye(3, 7)[true] * 4 + generator.normal(size=(120, 7))).astype(np.float32)
    images = ImageSet(Embeddings(features, "rows", np.arange(120)), ("a", "b", "c"), labels, np.arange(120))
    task = Task("rows", ("a", "b", "c"), images)
    plan = Plan(data="", pretrained="embeddings", input_pixels=1, method={"kind": "ridge"}, without_label_errors=True)
    left, _ = plan_and_task(task, plan)
    assert len(left.train) == pytest.approx(114, abs=2)
    assert len(plan_and_task(left, plan)[0].train) == len(left.train)
    assert len(plan_and_task(task, plan.model_copy(update={"without_label_errors": False}))[0].train) == 120
