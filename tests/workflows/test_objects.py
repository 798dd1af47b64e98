"""Whole chains on data where people have them: frames, Datasets, shards and addresses, in Python and on the command line."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image

import headstart
from headstart.core.errors import PlanError

CLASSES = ("dark", "light")
FIT = {"method": "ridge", "pretrained": "pixels"}


@pytest.fixture(scope="module")
def pictures() -> list[tuple[bytes, str]]:
    """Files of pictures, each with its class."""
    draw = np.random.default_rng(0)
    made = []
    for row in range(24):
        stream = io.BytesIO()
        pixels = (120 * (row % 2) + draw.integers(0, 120, (12, 12, 3))).astype(np.uint8)
        Image.fromarray(pixels).save(stream, "PNG")
        made.append((stream.getvalue(), CLASSES[row % 2]))
    return made


@pytest.fixture(scope="module")
def frame(pictures: list[tuple[bytes, str]]) -> pl.DataFrame:
    contents, labels = zip(*pictures, strict=True)
    return pl.DataFrame({"image": list(contents), "label": list(labels)})


@pytest.fixture(scope="module")
def of_frame(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> headstart.Run:
    return headstart.fit(frame, out=tmp_path_factory.mktemp("runs") / "own", **FIT)


class Pairs(torch.utils.data.Dataset):
    """The pictures as items."""

    def __init__(self, pictures: list[tuple[bytes, str]]) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> tuple[Image.Image, str]:
        content, label = self.pictures[row]
        return Image.open(io.BytesIO(content)), label


def test_a_run_on_a_frame_predicts_evaluates_and_reports(of_frame: headstart.Run, frame: pl.DataFrame):
    rows = of_frame.predict(frame)
    assert [row["path"] for row in rows[:2]] == ["frame[0]", "frame[1]"]
    assert [row["label"] for row in rows] == frame["label"].to_list()
    assert of_frame.evaluate(frame).accuracy.value == 1.0
    assert of_frame.report().suffix == ".html"
    assert (of_frame.plan.data, of_frame.task_summary.place) == ("", "")


def test_the_chain_starts_from_a_frame_of_paths(pictures: list[tuple[bytes, str]], tmp_path: Path):
    for row, (content, _) in enumerate(pictures):
        (tmp_path / f"{row}.png").write_bytes(content)
    paths = pd.DataFrame({"path": [tmp_path / f"{row}.png" for row in range(24)], "label": [label for _, label in pictures]})
    run = headstart.run(paths, out=tmp_path / "run", pretrained="efficientnet_lite0", minutes=0.01, only="transfer")
    assert run.task_summary.num_train == 24
    again = headstart.run(paths, out=tmp_path / "run", pretrained="efficientnet_lite0", minutes=0.01, only="transfer")
    assert again.folder == run.folder
    assert run.predict(paths)[3]["path"] == str(tmp_path / "3.png")


def test_a_dataset_of_torch_is_inspected_and_embedded(pictures: list[tuple[bytes, str]], tmp_path: Path):
    assert headstart.read_task(Pairs(pictures)).classes == CLASSES
    assert isinstance(headstart.inspect(Pairs(pictures)), list)
    assert headstart.embed(Pairs(pictures), tmp_path / "features.npz", pretrained="pixels") == 24


def test_the_command_line_takes_shards(pictures: list[tuple[bytes, str]], tmp_path: Path, headstart_command):
    for shard in range(2):
        with tarfile.open(tmp_path / f"s-{shard}.tar", "w") as archive:
            for row, (content, label) in list(enumerate(pictures))[shard::2]:
                for name, held in ((f"{row:02d}.png", content), (f"{row:02d}.cls", label.encode())):
                    member = tarfile.TarInfo(name)
                    member.size = len(held)
                    archive.addfile(member, io.BytesIO(held))
    place = str(tmp_path / "s-{0..1}.tar")
    words = ("--method", "ridge", "--pretrained", "pixels", "--out", tmp_path / "run", "--json")
    answer = headstart_command("fit", place, *words)
    assert answer.code == 0, answer.err
    assert headstart.Run.load(tmp_path / "run").plan.data == place
    predicted = headstart_command("predict", tmp_path / "run", tmp_path / "s-0.tar", "--json")
    assert predicted.code == 0, predicted.err
    assert json.loads(predicted.out.splitlines()[0])["path"] == f"{tmp_path}/s-0.tar/00.png"


def test_a_fit_of_a_frame_needs_a_method(frame: pl.DataFrame):
    with pytest.raises(PlanError) as raised:
        headstart.fit(frame)
    assert str(raised.value) == (
        'The data are in memory, and no method is named. Give method="ridge" or another; headstart.run decides by itself.'
    )
