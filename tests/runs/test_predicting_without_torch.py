"""A new process predicts with an engine that was kept: without PyTorch, and as the process that fitted the model does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.backbones.engines import choice
from headstart.backbones.engines.choice import engine_names
from headstart.backbones.loading import load_backbone
from headstart.backbones.saved import SavedBackbone
from headstart.data.images import FileImages, ImageSet
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.model import Model
from headstart.novelty.detector import fit_detector
from headstart.runs.predicting import predict_images
from headstart.training.settings import Training

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("openvino-float32" not in engine_names(), reason="openvino is not installed"),
]
CLASSES = ("dark", "light")
NOT_NEEDED = ("torch", "torchvision", "timm", "sklearn", "scipy.stats", "scipy.optimize", "scipy.linalg", "pyarrow")
COMMAND = (
    "import json, sys\n"
    "from headstart.cli import main\n"
    "try:\n"
    "    main(['predict', sys.argv[1], '--json', *sys.argv[2:]])\n"
    "except SystemExit as end:\n"
    "    assert not end.code, end.code\n"
    f"print(json.dumps([name for name in {NOT_NEEDED} if name in sys.modules]))\n"
)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / "pictures" / f"{number}.png" for number in range(29)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        shade = rng.integers(0, 90, (23, 37, 3)) + 150 * (number % 2)
        Image.fromarray(shade.astype(np.uint8)).save(path)
    return paths


@pytest.fixture
def run(tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a model whose last eleven pictures nobody has seen."""
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HEADSTART_ENGINE", "openvino-float32")
    choice._LAST_USED.clear()  # engines of other tests are kept elsewhere
    labels = np.arange(18) % 2
    known = ImageSet(FileImages(tuple(pictures[:18])), CLASSES, labels, np.arange(18))
    task, backbone = Task("shades", CLASSES, known), load_backbone("timm/test_efficientnet", "none", 32)
    model = method_from({"kind": "ridge"}).fit(task, backbone, Training())
    replace(model, novelty_detector=fit_detector(task, backbone)).save(tmp_path / "run" / "model")
    return tmp_path / "run"


def in_a_new_process(run: Path, *paths: Path) -> tuple[list[dict], list[str]]:
    """The rows that `headstart predict` prints, and which packages of `NOT_NEEDED` it imported."""
    words = [sys.executable, "-c", COMMAND, str(run), *map(str, paths)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ | {"HEADSTART_ENGINE": ""})
    *rows, imported = map(json.loads, done.stdout.splitlines())
    return rows, imported


def test_a_new_process_imports_no_torch_and_answers_as_the_network_does(run, pictures, tmp_path):
    rows, imported = in_a_new_process(run, *pictures[18:])
    assert imported == []
    shutil.rmtree(tmp_path / "cache")
    choice._LAST_USED.clear()
    model = Model.load(run / "model")
    assert isinstance(model.backbone, SavedBackbone)
    by_network = predict_images(replace(model, backbone=model.backbone.network), pictures[18:])
    assert [row["label"] for row in rows] == [row["label"] for row in by_network]
    for one, other in zip(rows, by_network, strict=True):
        assert list(one["probs"].values()) == pytest.approx(list(other["probs"].values()), abs=1e-6)
        assert one["unknown"]["p_value"] == pytest.approx(other["unknown"]["p_value"], abs=1e-6)


def test_without_the_cache_it_makes_the_engine_again_and_the_next_process_needs_no_torch(run, pictures, tmp_path):
    first, _ = in_a_new_process(run, pictures[18])
    shutil.rmtree(tmp_path / "cache")
    again, imported = in_a_new_process(run, pictures[18])
    assert "torch" in imported
    assert again == first
    assert in_a_new_process(run, pictures[19])[1] == []


def test_a_run_that_was_copied_predicts_as_the_first_one(run, pictures, tmp_path):
    copy = shutil.copytree(run, tmp_path / "elsewhere" / "run")
    shutil.rmtree(run)
    rows, imported = in_a_new_process(copy, *pictures[18:21])
    assert imported == []
    assert {row["label"] for row in rows} <= set(CLASSES)
