"""Graphs of models on every runtime: what they say of pictures of any size is what the models say."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from headstart.backbones.loading import load_backbone
from headstart.data.bicubic import resized_bicubic
from headstart.data.reading import read_task
from headstart.data.resizing_graph import ResizeToSquare
from headstart.data.task import Task
from headstart.export.formats import FORMATS
from headstart.export.parity import AtOneScale
from headstart.methods import METHODS
from headstart.methods.head_graphs import nearest
from headstart.methods.heads import MeanHead
from headstart.methods.model import Model
from headstart.planning.fitting import with_detector
from headstart.training.settings import Training

CLOSE = 2e-3
"""Features that the model reads are stored in half precision, those of the graph are not."""
KINDS = ["ridge", "ensemble", "lp_ft", "small_cnn", "kernel_ridge", "adapted"]


def drawn(folder: Path, per_class: int, seed: int, light: int = 0) -> None:
    """Pictures of three kinds and many sizes, some of them JPEG."""
    draw = np.random.default_rng(seed)
    for kind, name in enumerate(("dots", "rows", "columns")):
        (folder / name).mkdir(parents=True)
        for row in range(per_class):
            height, width = draw.integers(17, 71, 2)
            pixels = draw.integers(0, 90, (height, width, 3)) + light
            pixels[:: 4 if kind < 2 else 1, :: 4 if kind != 1 else 1] += 90
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{row}.{'jpg' if row % 2 else 'png'}")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("shapes")
    drawn(folder, 11, 0)
    return read_task(folder)


@pytest.fixture(scope="module")
def model_of(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """A model of each kind, with a novelty detector, each fitted once."""
    other = tmp_path_factory.mktemp("light")
    drawn(other, 9, 1, light=60)
    with_source = read_task(task.place, sources=[str(other)])
    small, smaller = (load_backbone("small_cnn", "none", pixels, seed) for seed, pixels in enumerate((26, 19)))
    made: dict[str, Model] = {}

    def fitted(kind: str, backbone: object = small, on: Task = task, **settings: object) -> Model:
        return METHODS.get(kind)(**settings).fit(on, backbone, Training(epochs=1))

    def make(kind: str) -> Model:
        if kind == "ensemble":
            first = with_detector(fitted("ridge", smaller), task, {smaller.weights_hash})
            return replace(first, partners=(fitted("ridge"), fitted("lp_ft")), shares=(0.5, 0.7, 0.2))
        if kind == "small_cnn":
            return fitted("fine_tune")
        if kind == "adapted":
            return fitted("coral", on=with_source)
        if kind == "mean":
            one, two = fitted("ridge"), fitted("knn")
            return replace(one, head=MeanHead((one.head, two.head), (0.7, 1.3)))
        if kind == "label_propagation":
            rows = np.arange(len(task.train))
            few = task.restricted_to(rows[::2])
            return fitted(kind, on=replace(few, unlabeled=task.train.take(rows[1::2]).without_labels()))
        model = fitted(kind)
        return with_detector(model, task, {small.weights_hash})

    def model(kind: str) -> Model:
        if kind not in made:
            made[kind] = make(kind)
        return made[kind]

    return model


def largest_side(model: Model) -> int:
    return max(backbone.transform.pixels for backbone in model.backbones)


def gaps(model: Model, task: Task, call: Callable[[np.ndarray], list[np.ndarray]]) -> dict[str, float]:
    """How far what is called is from the model: in labels, probabilities and p-values."""
    side, images = largest_side(model), task.train
    wanted = model.predict_with_p_values(replace(images, images=AtOneScale(images.images, side)))
    outputs = [call(np.array(images.images.read(row, side))[None]) for row in range(len(images))]
    probs = np.array([one[0][0] for one in outputs])
    found = {"labels": (probs.argmax(1) != wanted.probs.argmax(1)).mean(), "probs": np.abs(probs - wanted.probs).max()}
    assert (len(outputs[0]) == 2) is (wanted.p_values is not None)
    if wanted.p_values is not None:
        found["p_values"] = np.abs(np.array([one[1][0] for one in outputs]) - wanted.p_values).max()
    return found


@pytest.mark.parametrize("kind", [*KINDS, "knn", "label_propagation", "residual", "mean"])
def test_a_graph_says_what_its_model_says(kind, model_of, task):
    graph = model_of(kind).graph()
    found = gaps(model_of(kind), task, lambda images: [output.numpy() for output in graph(torch.from_numpy(images))])
    assert found["labels"] == 0
    assert found["probs"] < CLOSE
    assert found.get("p_values", 0) <= 2 / (len(task.train) + 1)


@pytest.mark.parametrize(
    ("to", "kind"), [("torch", "ridge"), *((to, kind) for to in ("onnx", "openvino") for kind in (*KINDS, "knn"))]
)
def test_a_runtime_says_what_the_model_says(to, kind, model_of, task, tmp_path):
    target = FORMATS.get(to)
    for package in (*target.packages, target.runtime):
        pytest.importorskip(package)
    model = model_of(kind)
    target().write(model.graph(), tmp_path, "float32", list)
    call = target.load(tmp_path)
    found = gaps(model, task, call)
    assert found["labels"] == 0
    assert found["probs"] < CLOSE
    assert found.get("p_values", 0) <= 3 / (len(task.train) + 1)
    picture = np.array(task.train.images.read(0))[None]
    alone, batch = call(picture), call(np.concatenate([picture] * 3))
    assert np.abs(batch[0] - alone[0]).max() < 1e-5


@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_half_precision_halves_the_file_and_stays_close(to, model_of, task, tmp_path):
    target = FORMATS.get(to)
    for package in (*target.packages, target.runtime):
        pytest.importorskip(package)
    sizes = []
    for precision in ("float32", "fp16"):
        folder = tmp_path / precision
        folder.mkdir()
        target().write(model_of("lp_ft").graph(), folder, precision, list)
        sizes.append(sum(file.stat().st_size for file in folder.iterdir()))
    assert sizes[1] < 0.65 * sizes[0]
    assert gaps(model_of("lp_ft"), task, target.load(tmp_path / "fp16"))["probs"] < 0.05


@pytest.mark.parametrize(("to", "package"), [("onnx", "onnxruntime"), ("openvino", "nncf")])
def test_integers_are_calibrated_on_pictures(to, package, model_of, task, tmp_path):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed here")
    pictures = [np.array(task.train.images.read(row))[None] for row in range(8)]
    level = logging.getLogger().level
    FORMATS.get(to)().write(model_of("ridge").graph(), tmp_path, "int8", lambda: pictures)
    assert logging.getLogger().level == level
    found = gaps(model_of("ridge"), task, FORMATS.get(to).load(tmp_path))
    assert 0 < found["probs"] < 0.3


@pytest.mark.parametrize(("height", "width"), [(13, 7), (40, 97), (31, 31), (331, 211)])
def test_the_graph_resizes_as_training_did(height, width):
    pictures = np.random.default_rng(3).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    resize = ResizeToSquare(31)
    found = resize(torch.from_numpy(pictures).permute(0, 3, 1, 2).float()).permute(0, 2, 3, 1).numpy()
    gap = np.abs(found - resized_bicubic(pictures, 31))
    assert gap.max() <= 1
    assert (gap > 0).mean() < 1e-3


def test_copies_share_the_last_place_among_the_nearest():
    cosines = torch.tensor([[0.9, 0.5, 0.5, 0.1], [0.2, 0.3, 0.4, 0.8]])
    assert nearest(cosines, 2).tolist() == [[1, 0.5, 0.5, 0], [0, 0, 1, 1]]
