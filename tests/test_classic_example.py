"""The README's classic example, word for word, on an archive and a state dict of the same formats."""

from __future__ import annotations

import io
import json
import pickle
import re
import shlex
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import headstart

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CLASSIC = {
    "optimizer": "sgd",
    "lr": 0.001,
    "momentum": 0.9,
    "schedule": "constant",
    "warmup": 0.0,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "clip": 0.0,
    "ema": 0.0,
}


def command() -> list[str]:
    """The words after "headstart" of the README's line."""
    (line,) = re.findall(r"^headstart (run cifar-10-python\.tar\.gz .*)$", README, re.MULTILINE)
    return shlex.split(line)


def batch(labels: list[int], seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    shade = 23 * np.asarray(labels)[:, None]
    pixels = np.clip(shade + rng.integers(0, 25, (len(labels), 3072)), 0, 255).astype(np.uint8)
    return pickle.dumps({b"data": pixels, b"labels": labels, b"batch_label": b"a batch"}, 2)


def write_archive(path: Path) -> None:
    """60 training and 10 test pictures as the authors pack theirs."""
    files = {f"data_batch_{number}": batch(list(range(10)) + list(range(number, number + 2)), number) for number in range(1, 6)}
    files["test_batch"] = batch(list(range(10)), 7)
    files["batches.meta"] = pickle.dumps({b"label_names": [name.encode() for name in NAMES]}, 2)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.slow
def test_the_classic_example_runs_and_fits_what_it_says(tmp_path, monkeypatch, headstart_command):
    monkeypatch.chdir(tmp_path)
    write_archive(Path("cifar-10-python.tar.gz"))
    torch.manual_seed(11)
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), "resnet18.pth")
    smaller = {"torchvision/resnet50": "torchvision/resnet18", "resnet50-11ad3fa6.pth": "resnet18.pth"}
    words = [smaller.get(word, word) for word in command()]

    answer = headstart_command(*words, "--set", "training.epochs=1", "--out", "classic", "--json")
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)
    plan = headstart.Run.load("classic").plan
    assert (plan.pretrained, plan.weights) == ("torchvision/resnet18", "resnet18.pth")
    assert plan.method["kind"] == "fine_tune"
    assert plan.method["view"] == "plain"
    assert {name: getattr(plan.training, name) for name in CLASSIC} == CLASSIC
    assert (result["decision"]["pretrained"], result["decision"]["method"]) == ("torchvision/resnet18", "fine_tune")
    assert (result["evaluation"]["split"], result["evaluation"]["num_images"]) == ("test", 10)
    assert 0 <= result["evaluation"]["metrics"]["accuracy"]["value"] <= 1

    Path("resnet18.pth").unlink()
    Image.new("RGB", (50, 40), "teal").save("new.png")
    (row,) = headstart_command("predict", "classic", "new.png", "--json").out.splitlines()
    assert json.loads(row)["label"] in NAMES
