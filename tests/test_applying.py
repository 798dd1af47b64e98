"""Applying a run: its task again, and other labeled sets."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from headstart.applying import task_of
from headstart.runs import Run


@pytest.fixture
def finished(tmp_path, monkeypatch, headstart_command):
    """A run on arrays that are no files, so that its pictures can be shown from its task alone."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    for label, name in enumerate(("dark", "light")):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for number in range(9):
            pixels = (120 * label + rng.integers(0, 120, (11, 13, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "shades" / name / f"{number}.png")
    for place, folder in (("shades", "own"), ("digits", "built_in")):
        words = ("fit", place, "--per-class", "5", "--method", "ridge", "--pretrained", "pixels", "-o", folder)
        assert headstart_command(*words).code == 0
    return tmp_path


def test_the_report_of_a_copied_run_of_a_built_in_set_shows_its_pictures(finished, headstart_command):
    shutil.copytree(finished / "built_in", finished / "elsewhere" / "copy")
    (finished / "elsewhere" / "copy" / "report.html").unlink()
    assert headstart_command("report", "elsewhere/copy").code == 0
    for folder in ("built_in", "elsewhere/copy"):
        assert (finished / folder / "report.html").read_text(encoding="utf-8").count("data:image/png") >= 12


def test_a_run_whose_data_changed_or_are_gone_has_no_task(finished):
    run = Run.load("own")
    assert task_of(run) is not None
    (finished / "shades" / "dark" / "0.png").unlink()
    (finished / "shades" / "dark" / "1.png").unlink()
    assert task_of(run) is None
    shutil.rmtree("shades")
    assert task_of(run) is None
