"""Damaged files of a model of which no checksum tells, as earlier versions wrote none: one sentence that names the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.core.parsing import json_in, json_text
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.features.representation import Representation
from headstart.heads.kernel_map import KernelMap
from headstart.heads.principal_components import PrincipalComponents
from headstart.methods import method_from
from headstart.methods.graph_head import GraphHead
from headstart.methods.heads import LinearHead, MeanHead, NeighborHead, ProjectedHead
from headstart.methods.kernel_head import KernelHead
from headstart.methods.model import Model
from headstart.novelty.detector import fit_detector
from headstart.shift.projection import Projection
from headstart.training.settings import Training

WIDTH, CLASSES = 5, ("a", "b", "c")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    draw = np.random.default_rng(0)
    labels = np.arange(47) % 3
    vectors = (draw.normal(size=(47, WIDTH)) + labels[:, None]).astype(np.float32)
    file = tmp_path_factory.mktemp("rows") / "rows.npz"
    np.savez(file, features=vectors, labels=np.array(CLASSES)[labels])
    return read_task(str(file))


@pytest.fixture(scope="module")
def model(task) -> Model:
    backbone = load_backbone("embeddings")
    found = method_from({"kind": "ridge", "blocks": "penultimate"}).fit(task, backbone, Training(seed=1))
    return replace(found, novelty_detector=fit_detector(task, backbone))


def heads() -> dict[str, object]:
    draw = np.random.default_rng(3)
    seen = Representation("penultimate", (np.zeros(WIDTH, np.float32),))

    def rows(*shape: int):
        return draw.normal(size=shape).astype(np.float32)

    linear = LinearHead(seen, rows(WIDTH, 3), rows(3))
    return {
        "linear": linear,
        "neighbors": NeighborHead(seen, rows(11, WIDTH), np.arange(11) % 3, 2, 3),
        "graph": GraphHead(PrincipalComponents(seen, rows(WIDTH, 2)), rows(7, 2), np.ones((7, 3), np.float32) / 3, 4),
        "kernel": KernelHead(seen, rows(6, WIDTH), 0.5, rows(6, 3), rows(3)),
        "chart": ProjectedHead(
            Projection(seen, rows(WIDTH, 4), rows(4)), (KernelMap(rows(8, 4), 0.3, rows(8, 6)),), rows(6, 3), rows(3)
        ),
        "mean": MeanHead((linear, linear), (1.0, 2.0)),
    }  # fmt: skip


def rewritten(path, change) -> None:
    """Arrays as an earlier version wrote them, without a checksum, one of them changed."""
    arrays = dict(load_file(path))
    change(arrays)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def refused(folder, *words: str) -> None:
    with pytest.raises(DataError) as caught:
        Model.load(folder)
    said = str(caught.value)
    assert said.startswith(f"{folder} holds no whole model (")
    assert said.endswith("). Give the command that made it again: it fits what is missing.")
    assert all(word in said for word in words), said


@pytest.mark.parametrize("kind", heads())
def test_every_head_comes_back_and_each_of_its_arrays_is_checked(model, task, tmp_path, kind):
    whole = replace(model, head=heads()[kind], novelty_detector=None)
    whole.save(tmp_path)
    probs = whole.predict(task.train).probs
    content = (tmp_path / "head.safetensors").read_bytes()
    names = list(load_file(tmp_path / "head.safetensors"))
    assert np.array_equal(Model.load(tmp_path).predict(task.train).probs, probs)
    for name in names:
        for change in (
            lambda arrays, name=name: arrays.update({name: arrays[name][:-1]}),
            lambda arrays, name=name: arrays.update({name: arrays[name][..., None]}),
            lambda arrays, name=name: arrays.update({name: np.full_like(arrays[name], np.nan, dtype=np.float32)}),
            lambda arrays, name=name: arrays.pop(name),
        ):
            (tmp_path / "head.safetensors").write_bytes(content)
            rewritten(tmp_path / "head.safetensors", change)
            with pytest.raises(
                DataError, match=r"holds no whole model \((the head in model\.json and )?head\.safetensors: "
            ) as caught:
                Model.load(tmp_path)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("kind", heads())
def test_more_or_fewer_classes_than_columns_are_refused(model, tmp_path, kind, classes):
    replace(model, head=heads()[kind], novelty_detector=None).save(tmp_path)
    (tmp_path / "model.json").write_text(json_text(json_in(tmp_path / "model.json") | {"classes": classes}), encoding="utf-8")
    refused(tmp_path, "head.safetensors")


DETECTOR = ("rows", "hubness", "weight", "bias", "calibration", "mean.0")


@pytest.mark.parametrize("name", DETECTOR)
@pytest.mark.parametrize("fault", ["not finite", "of another shape", "missing", "empty"])
def test_a_damaged_array_of_the_detector_is_refused(model, tmp_path, name, fault):
    assert model.novelty_detector is not None
    model.save(tmp_path)

    def change(arrays) -> None:
        if fault == "not finite":
            arrays[name].flat[-1] = np.nan
        elif fault == "of another shape":
            arrays[name] = np.concatenate([arrays[name], arrays[name]])
        elif fault == "empty":
            arrays[name] = arrays[name][:0]
        else:
            del arrays[name]

    rewritten(tmp_path / "detector.safetensors", change)
    refused(tmp_path, "detector.safetensors")


CARDS = {
    "temperature: infinite": {"temperature": float("inf")},
    "temperature: no number": {"temperature": float("nan")},
    "shares: not finite": {"shares": [1.0, float("nan")], "partners": 1},
    "shares: negative": {"shares": [-1.0, 2.0], "partners": 1},
    "shares: too many": {"shares": [1.0, 1.0, 1.0], "partners": 1},
    "partners: negative": {"partners": -1},
    "head: of no kind": {"head": {"kind": "linear"}},
    "head: blocks of no kind": {"head": {"kind": "linear", "blocks": 7}},
    "head: a list": {"head": [1]},
}


@pytest.mark.parametrize("fault", CARDS)
def test_a_card_with_impossible_values_is_refused(model, tmp_path, fault):
    replace(model, partners=(model,)).save(tmp_path)
    values = json_in(tmp_path / "model.json") | CARDS[fault]
    (tmp_path / "model.json").write_text(json_text(values), encoding="utf-8")
    with pytest.raises(DataError, match=r"model\.json") as caught:
        Model.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, "inf", None, "much"])
def test_settings_of_a_head_are_checked(model, tmp_path, value):
    for kind, name in (("kernel", "gamma"), ("neighbors", "num_neighbors"), ("graph", "num_neighbors"), ("chart", "gammas")):
        replace(model, head=heads()[kind], novelty_detector=None).save(tmp_path)
        values = json_in(tmp_path / "model.json")
        values["head"][name] = [value] if name == "gammas" else value
        (tmp_path / "model.json").write_text(json_text(values), encoding="utf-8")
        refused(tmp_path, "head.safetensors")


def test_a_model_whose_network_is_narrower_than_its_head_is_refused(model, tmp_path):
    backbone = load_backbone("small_cnn", "none", 16, 0)
    head = LinearHead(None, np.zeros((backbone.feature_width + 1, 3), np.float32), np.zeros(3))
    replace(model, backbone=backbone, head=head, novelty_detector=None).save(tmp_path)
    refused(tmp_path, "head.safetensors", f"{backbone.feature_width} feature, 3 class")
