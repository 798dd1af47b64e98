"""Evaluating a run on images that its model has learned from says so."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import headstart


def shaded(folder: Path, count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    for level, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            pixels = (90 * level + draw.integers(0, 150, (16, 16, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{row}.png")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> headstart.Run:
    monkeypatch.chdir(tmp_path)
    shaded(Path("learned"), 10, 0)
    shaded(Path("others"), 6, 1)
    return headstart.fit("learned", method="ridge", pretrained="pixels", out="own")


def test_images_that_were_learned_from_are_named(run: headstart.Run) -> None:
    sentence = (
        "The model has learned from 20 of these 20 images, and looks better on them than it is: `headstart evaluate own` says"
    )
    for data in ("learned", headstart.read_task("learned")):
        assert sentence in headstart.evaluate(run, data).protocol
    assert "has learned from" not in headstart.evaluate(run, "others").protocol
    assert "looks better" not in headstart.evaluate(run).protocol


def test_a_test_split_was_not_learned_from(run: headstart.Run) -> None:
    sealed = headstart.fit(headstart.read_task("learned", test=0.3), method="ridge", pretrained="pixels", out="sealed")
    task = headstart.read_task("learned", test=0.3)
    assert "has learned from" not in headstart.evaluate(sealed, task).protocol


def frame(seed: int) -> pa.Table:
    draw = np.random.default_rng(seed)
    rows = [draw.integers(0, 150, (16, 16, 3)) + 90 * (row % 2) for row in range(12)]
    contents = []
    for pixels in rows:
        stream = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
        contents.append(stream.getvalue())
    return pa.table({"image": contents, "label": ["dark", "light"] * 6})


def test_another_frame_whose_rows_have_the_same_names_was_not_learned_from(tmp_path: Path) -> None:
    own = headstart.fit(frame(0), method="ridge", pretrained="pixels", out=tmp_path / "own")
    assert "frame[0]" in own.predictions.names
    assert "has learned from" not in headstart.evaluate(own, frame(1)).protocol
