"""Slices of a run's evaluation: found, told on the terminal and in the report, and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart


def written(folder: Path, seed: int, dark: int) -> None:
    """Plain pictures of two shades; of the light ones so many are as dark as the dark ones."""
    draw = np.random.default_rng(seed)
    for level, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for row in range(60):
            base = 20 if level == 0 or row < dark else 170
            pixels = (base + draw.integers(0, 60, (12, 14, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{row}.png")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> headstart.Run:
    monkeypatch.chdir(tmp_path)
    written(Path("shades"), 0, dark=20)
    return headstart.fit("shades", method="ridge", pretrained="pixels", out="own")


def test_dark_images_of_a_light_class_are_told_everywhere(run: headstart.Run, headstart_command) -> None:
    assert run.evaluation is not None
    assert run.evaluation.slices is not None
    worst = run.evaluation.slices.worse[0]
    assert worst.of_class == "light"
    assert worst.num_images == 20
    assert worst.accuracy.value < 0.5 < 0.9 < worst.elsewhere
    assert len(worst.images) == 12
    report = Path("own/report.html").read_text(encoding="utf-8")
    section = report[report.index('id="slices"') :].partition("</section>")[0]
    assert "corrected for the" in section
    assert section.count("<img") >= 12
    for name in worst.images:
        assert Path(name).name in section
    told = " ".join(headstart_command("evaluate", "own").out.split())
    assert worst.sentence in told
    assert f"Slices {worst.sentence}" in " ".join(headstart_command("fit", "own/plan.toml", "-o", "own").out.split())


def test_images_of_other_data_are_sliced_too(run: headstart.Run) -> None:
    written(Path("more"), 1, dark=0)
    found = headstart.evaluate(run, "more").slices
    assert found is not None
    assert [one for one in found.worse if one.of_class == "light"] == []
    assert {one.attribute for one in found.attributes} >= {"brightness", "background"}


def test_feature_vectors_have_slices_of_classes_and_clusters_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    labels = np.arange(120) % 2
    np.savez("v.npz", features=(draw.normal(size=(120, 6)) + labels[:, None]).astype(np.float32), labels=labels.astype(str))
    evaluation = headstart.fit("v.npz", method="ridge", out="vectors").evaluation
    assert evaluation is not None
    assert evaluation.slices is not None
    assert [one.attribute for one in evaluation.slices.attributes] == ["cluster"]


def test_an_extended_run_has_slices_of_old_and_new_images(run: headstart.Run) -> None:
    written(Path("more"), 1, dark=25)
    evaluation = headstart.extend(run, "more", out="longer").evaluation
    assert evaluation is not None
    assert evaluation.slices is not None
    assert evaluation.slices.num_images == evaluation.num_images > 120
    assert evaluation.slices.worse[0].of_class == "light"
