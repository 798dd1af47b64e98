from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.types import UNLABELED
from headstart.data.reading import read_task
from headstart.data.sources.pretraining_source import source_task
from headstart.data.task import Task


def write(place: Path, names: list[str], gray: bool = False) -> Path:
    """A picture of its own under each name; sides 11 to 13."""
    for number, name in enumerate(names):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        draw = np.random.default_rng(number)
        shape = (13, 11 + number % 3) if gray else (13, 11 + number % 3, 3)
        Image.fromarray(draw.integers(0, 256, shape, np.uint8)).save(place / name)
    return place


def names_of(task: Task) -> list[str]:
    return [Path(task.train.images.name(row)).name for row in range(len(task.train))]


def test_two_classes_make_the_task_that_every_command_sees_with_a_fifth_set_aside(tmp_path: Path) -> None:
    place = write(tmp_path / "pets", [f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(7)])
    assert source_task(place, seed=3).fingerprint == read_task(place, seed=3, test=0.2).fingerprint


@pytest.mark.parametrize("folder", ["unlabeled", "Unlabelled", "unlabeled/2024/may", "cat"])
def test_without_two_classes_all_pictures_are_learned_from_without_labels(folder: str, tmp_path: Path) -> None:
    place = write(tmp_path / "pets", [f"{folder}/{number}.png" for number in (2, 0, 1)])
    task = source_task(place, seed=5)
    assert (task.name, task.place, task.seed, task.classes) == ("pets", str(place), 5, ())
    assert names_of(task) == ["0.png", "1.png", "2.png"]
    assert task.train.labels.tolist() == [UNLABELED] * 3
    assert (task.validation, task.test, task.unlabeled) == (None, None, None)
    assert (task.native_pixels, task.channels) == (12, 3)


def test_a_second_class_of_one_picture_is_none(tmp_path: Path) -> None:
    place = write(tmp_path / "pets", ["cat/0.png", "cat/1.png", "cat/2.png", "dog/3.png"])
    task = source_task(place)
    assert task.classes == ()
    assert len(task.train) == 4


def test_pictures_of_given_test_and_validation_splits_are_left_out(tmp_path: Path) -> None:
    kept = [f"train/cat/{number}.png" for number in range(4)]
    others = ["test/cat/10.png", "validation/cat/11.png"]
    task = source_task(write(tmp_path / "pets", [*kept, *others]))
    assert names_of(task) == [Path(name).name for name in kept]


def test_copies_of_held_out_pictures_are_left_out_and_reported(tmp_path: Path) -> None:
    place = write(tmp_path / "pets", ["train/cat/0.png", "train/cat/1.png", "test/cat/2.png", "validation/cat/3.png"])
    (place / "unlabeled").mkdir()
    for name in ("train/cat/1", "test/cat/2", "validation/cat/3"):
        shutil.copy(place / f"{name}.png", place / "unlabeled" / f"copy of {name[-1]}.png")
    task = source_task(place)
    assert names_of(task) == ["0.png", "1.png", "copy of 1.png"]
    found = next(finding for finding in task.findings if finding.code == "unlabeled-copies")
    assert found.title == "Unlabeled images that belong to given test or validation images (2) are left out."
    assert [Path(name).name for name in found.evidence["paths"]] == ["copy of 2.png", "copy of 3.png"]


def test_pictures_in_the_folder_itself_are_a_pool_where_there_are_no_others(tmp_path: Path) -> None:
    place = write(tmp_path / "pets", ["b.png", "a.png"])
    (place / "notes.txt").write_text("text")
    (place / "empty").mkdir()
    task = source_task(place)
    assert (task.classes, names_of(task)) == ((), ["a.png", "b.png"])
    assert [finding.code for finding in task.findings] == ["empty-class", "other-file"]
    with pytest.raises(DataError, match="2 pictures lie in no class folder"):
        read_task(place)
    write(place, ["unlabeled/c.png"])
    assert names_of(source_task(place)) == ["c.png"]


def test_a_single_class_is_reported(tmp_path: Path) -> None:
    found = source_task(write(tmp_path / "pets", ["cat/0.png", "cat/1.png"])).findings
    assert [finding.title for finding in found] == [
        'There is one class only ("cat"), so that labels teach nothing: none is used.'
    ]


def test_gray_pictures_are_known_as_such(tmp_path: Path) -> None:
    assert source_task(write(tmp_path / "scans", ["unlabeled/a.png", "unlabeled/b.png"], gray=True)).channels == 1


def test_what_cannot_be_read_is_left_out_and_reported(tmp_path: Path) -> None:
    place = write(tmp_path / "pets", ["unlabeled/a.png", "unlabeled/b.png"])
    (place / "unlabeled" / "c.png").write_bytes(b"no picture")
    task = source_task(place)
    assert names_of(task) == ["a.png", "b.png"]
    assert [finding.code for finding in task.findings] == ["unreadable-images"]


def test_another_seed_or_picture_makes_another_task(tmp_path: Path) -> None:
    place = write(tmp_path / "pets", ["unlabeled/a.png", "unlabeled/b.png"])
    prints = [source_task(place).fingerprint, source_task(place, 1).fingerprint, source_task(place).fingerprint]
    write(place, ["unlabeled/b.png"])
    prints.append(source_task(place).fingerprint)
    assert prints[0] == prints[2]
    assert len(set(prints)) == 3


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "unlabeled").mkdir()
    with pytest.raises(DataError) as caught:
        source_task(tmp_path)
    assert (
        str(caught.value) == f"{tmp_path}: holds no pictures (JPEG, PNG, WebP, BMP, TIFF or GIF). Put one folder a class there."
    )
