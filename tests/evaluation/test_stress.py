from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.core.language import language_named
from headstart.core.predictions import Predictions
from headstart.evaluation.stress import PREDICTIONS, common_rows, gain_of, mean_of_rows

EVERY = np.arange(40)


def written(folder: Path, right: np.ndarray) -> Path:
    """Predictions of images of one class, of which these are right."""
    folder.mkdir(parents=True)
    probs = np.where(right[:, None] > 0, [1.0, 0.0], [0.0, 1.0])
    names, labels = tuple(f"frame[{row}]" for row in range(len(right))), np.zeros(len(right), np.int64)
    Predictions(names, ("a", "b"), labels, probs, probs, np.arange(len(right))).write(folder / PREDICTIONS)
    return folder


def test_images_are_matched_by_content_and_each_counts_once():
    first, second = [f"key {row}" for row in range(30)], [f"key {row}" for row in range(49, 5, -1)]
    rows, others = common_rows("other", [*first, "key 29"], second)
    assert len(rows) == 24
    assert [first[row] for row in rows] == [second[row] for row in others]


def test_few_common_images_are_no_comparison():
    keys = [f"key {row}" for row in range(30)]
    with pytest.raises(
        DataError, match=r"^other predicts 19 of the same images, and a comparison needs 20 or more\. Name a run"
    ) as caught:
        common_rows("other", keys, [*keys[11:], "x", *keys[29:] * 5])
    assert "images" not in language_named("zh").sentence(str(caught.value))
    with pytest.raises(DataError, match=r"^other predicts other classes or other images\. "):
        common_rows("other", keys, ["x"])


@pytest.mark.parametrize(("other", "value"), [(1, 1.0), (0, 0.0)])
def test_equal_differences_have_an_interval_with_width(tmp_path: Path, other: int, value: float):
    own, theirs = written(tmp_path / "own", np.zeros(40)), written(tmp_path / "theirs", np.full(40, other))
    found = gain_of("other", {("none", 0): (own, theirs), ("fog", 1): (own, theirs)}, (EVERY, EVERY))
    assert found.corrupted.value == pytest.approx(value)
    assert found.corrupted.high - found.corrupted.low > 0.05
    assert found.num_images == 40


def test_corruptions_count_alike_however_many_strengths_they_have(tmp_path: Path):
    bad = [written(tmp_path / f"{one}", EVERY % 4 == 0) for one in range(5)]
    good, clean = written(tmp_path / "good", EVERY % 4 > 0), written(tmp_path / "clean", EVERY >= 0)
    folders = {("fog", strength + 1): folder for strength, folder in enumerate(bad)} | {("mirror", 1): good}
    assert mean_of_rows("all corruptions", folders).accuracy.value == pytest.approx((0.25 + 0.75) / 2)
    pairs = {("none", 0): (clean, clean)} | {condition: (folder, clean) for condition, folder in folders.items()}
    assert gain_of("other", pairs, (EVERY, EVERY)).corrupted.value == pytest.approx(0.5)
