"""Fitting a plan: what other folders hold of it is not made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.planning import cross_validation
from headstart.workflows.fit import fit


def test_a_plan_of_fold_models_in_a_new_folder_trains_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(5)
    for name, channel, count in (("red", 0, 17), ("green", 1, 13)):
        (tmp_path / "colors" / name).mkdir(parents=True)
        for place in range(count):
            pixels = draw.integers(0, 150, (8, 8, 3)).astype(np.uint8)
            pixels[:, :, channel] += 90
            Image.fromarray(pixels).save(tmp_path / "colors" / name / f"{place}.png")
    (tmp_path / "plan.toml").write_text(
        'data = "colors"\npretrained = "small_cnn"\nweights = "none"\ninput_pixels = 8\nfold_models = 2\n'
        '[method]\nkind = "fine_tune"\n[training]\nepochs = 1\nbatch_size = 16\n'
    )
    first = fit("plan.toml", out="first")
    monkeypatch.setattr(cross_validation, "fit_rows", None)  # nothing is trained again
    second = fit("plan.toml", out="second")
    assert second.evaluation == first.evaluation
    images = sorted(str(path) for path in (tmp_path / "colors").rglob("*.png"))
    assert second.predict(images) == first.predict(images)


def test_what_was_cross_validated_to_decide_is_not_when_the_plan_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(6)
    labels = np.arange(61) % 3
    np.savez("given.npz", features=(draw.normal(size=(61, 7)) + 2 * np.eye(7)[labels]).astype(np.float32), labels=labels)
    plan = headstart.decide("given.npz")
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    assert fit(plan, out="run").evaluation.num_images == 61
