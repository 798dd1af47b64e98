from __future__ import annotations

import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, MissingExtraError, PlanError
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.methods import METHODS
from headstart.methods.base import Method, Need, check_needs, unmet
from headstart.methods.finetune.lora import Lora
from headstart.methods.probe.ridge import Ridge


def _needing(need: Need, monkeypatch: pytest.MonkeyPatch) -> Ridge:
    monkeypatch.setattr(Ridge, "needs", (need,))
    return Ridge()


@pytest.fixture
def task() -> Task:
    rows = np.arange(5)
    pixels = np.zeros((5, 16, 16, 3), np.uint8)
    images = ImageSet(ArrayImages(pixels, "squares", rows), ("a", "b"), np.array([0, 1, 0, 1, 1]), rows)
    return Task("squares", images.classes, images, native_pixels=16)


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("small_cnn", "none", 16, seed=1)


def test_a_method_that_needs_unlabeled_rows_says_what_to_add(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    method = _needing("unlabeled", monkeypatch)
    full = replace(task, unlabeled=task.train)
    with pytest.raises(DataError) as caught:
        check_needs(method, task)
    assert str(caught.value) == (
        f"ridge needs unlabeled images, and {task.name} has none. Add a folder unlabeled/, or choose ridge or lp_ft."
    )
    assert unmet(method, full) == ""


def test_a_method_that_needs_a_source_says_how_to_name_one(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    method = _needing("source", monkeypatch)
    for source in (None, task.train.take([])):
        with pytest.raises(DataError) as caught:
            check_needs(method, replace(task, source=source))
        assert str(caught.value) == (
            f"ridge needs labeled images of a source domain, and {task.name} has none. Name one with --source, or choose ridge."
        )
    assert unmet(method, replace(task, source=task.train)) == ""


def test_a_method_that_needs_a_package_is_refused_without(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", ModuleType("peft"))
    sys.modules["peft"].__spec__ = ModuleSpec("peft", None)
    assert unmet(Lora(), task) == ""
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError) as caught:
        check_needs(Lora(), task)
    assert str(caught.value) == 'peft is not installed. Install it with `pip install "headstart[adapters]"`.'
    assert unmet(Ridge(), task) == ""


def test_a_method_that_needs_source_classes_is_refused_without(
    task: Task, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = _needing("source_classes", monkeypatch)
    with pytest.raises(PlanError) as caught:
        check_needs(method, task, backbone)
    assert str(caught.value) == (
        f"ridge needs the classifier that {backbone.card.name} was trained with, and there is none. Choose l2_sp, or lp_ft."
    )
    assert unmet(method, task) == ""


def test_a_method_that_needs_batch_normalization_is_refused_without(
    task: Task, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = _needing("batch_norm", monkeypatch)
    assert unmet(method, task, backbone) == ""
    backbone.module = nn.Flatten()
    assert unmet(method, task, backbone) == (
        f"ridge needs batch normalization, and {backbone.card.name} has none. Choose another network, or lp_ft."
    )


def test_a_method_that_needs_stages_is_refused_without(task: Task, backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    method = _needing("stages", monkeypatch)
    assert unmet(method, task, backbone) == ""
    backbone.anatomy = replace(backbone.anatomy, stages=())
    assert unmet(method, task, backbone) == (
        f"ridge treats stages apart, and {backbone.card.name} has none. Choose another network, or fine_tune."
    )


def test_a_method_that_compares_domains_needs_labels_of_two(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    method = _needing("domains", monkeypatch)
    alone = replace(task, train=task.train.take([]), source=replace(task.train, domains=("sketch",) * 5))
    assert unmet(method, alone) == (
        f"ridge compares domains, and all labeled images of {task.name} are of one, sketch. "
        "Name several sources with --source, or choose erm."
    )
    assert unmet(method, replace(alone, train=task.train)) == ""
    two = replace(alone, source=replace(task.train, domains=("photo",) * 2 + ("sketch",) * 3))
    assert unmet(method, two) == ""


def _below(base: type) -> set[type]:
    return {base}.union(*(_below(below) for below in base.__subclasses__()))


def test_a_class_is_final_and_a_method_or_the_base_of_a_family() -> None:
    METHODS.all()
    own = {one for one in _below(Method) if one.__module__.startswith("headstart.methods.")}
    assert {one for one in own if getattr(one, "__final__", False)} == set(METHODS.all().values())
    assert all(not one.__subclasses__() for one in METHODS.all().values())
