"""Plans of absurd size: refused in one sentence before the work begins, by predicted memory alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.backbones import activation_memory, loading
from headstart.planning import limits

BATCH = ("--set", "training.batch_size=4096")


@pytest.fixture
def colors(tmp_path, monkeypatch):
    """A folder of thirty pictures on a machine with four gigabytes left."""
    for module in (activation_memory, loading, limits):
        monkeypatch.setattr(module, "available_bytes", lambda: 4_000_000_000)
    for name in ("available_to_networks", "total_to_networks"):
        monkeypatch.setattr(limits, name, lambda: 4_000_000_000)
    draw = np.random.default_rng(5)
    for name, channel, count in (("red", 0, 17), ("green", 1, 13)):
        (tmp_path / "colors" / name).mkdir(parents=True)
        for place in range(count):
            pixels = draw.integers(0, 150, (8, 8, 3)).astype(np.uint8)
            pixels[:, :, channel] += 90
            Image.fromarray(pixels).save(tmp_path / "colors" / name / f"{place}.png")
    return tmp_path / "colors"


@pytest.mark.parametrize(
    ("words", "begin", "end"),
    [
        (
            ("ridge", "--pretrained", "efficientnet_lite0", "--set", "input_pixels=4096"),
            "efficientnet_lite0 at 4096 pixels takes ",
            " or less; 224 is the network's own.\n",
        ),
        (
            ("ridge", "--pretrained", "small_cnn", "--weights", "none", "--set", "input_pixels=30000"),
            "small_cnn at 30000 pixels takes ",
            " or less; 64 is the network's own.\n",
        ),
        (
            ("fine_tune", "--pretrained", "small_cnn", "--weights", "none", *BATCH, "--set", "input_pixels=64"),
            "small_cnn from scratch will take about ",
            " or less would do as well.\n",
        ),
    ],
)  # fmt: skip
def test_what_cannot_fit_is_one_sentence(words, begin, end, colors, tmp_path, headstart_command):
    answer = headstart_command("fit", colors, "-o", tmp_path / "run", "--method", *words)
    assert answer.code == 2
    said = answer.err.splitlines(keepends=True)[-1]
    assert said.startswith(f"error: {begin}")
    assert said.endswith(end)
    assert "4.0 GB are available." in said
    assert not (tmp_path / "run").exists()


def test_a_run_of_what_cannot_fit_says_so_too(colors, tmp_path, headstart_command):
    words = (
        "--method",
        "fine_tune",
        "--only",
        "transfer",
        "--pretrained",
        "efficientnet_lite0",
        "--set",
        "training.batch_size=4096",
    )
    answer = headstart_command("run", colors, "-o", tmp_path / "run", *words)
    assert answer.code in (0, 2)
    said = answer.err if answer.code else (tmp_path / "run" / "decision.json").read_text()
    assert "will take about " in said
    assert "GB of memory, and 4.0 GB are available." in said


def test_a_pretraining_that_cannot_fit_is_refused_before_its_price_is_measured(colors, tmp_path, headstart_command):
    for place in range(64):
        Image.new("RGB", (64, 64), (place, 99, 255 - 3 * place)).save(colors / "red" / f"more{place}.png")
    answer = headstart_command("pretrain", colors, "-o", tmp_path / "run", "--method", "sim_clr", *BATCH, "--minutes", "1")
    assert answer.code == 2
    assert "GB of memory, and 4.0 GB are available. Set training.batch_size to " in answer.err
