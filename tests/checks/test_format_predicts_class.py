from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.checks.format_predicts_class import _leave_one_out_hits, format_predicts_class
from headstart.data.images import ArrayImages, FileImages, ImageSet
from headstart.data.task import Task


def task_in(folder: Path, forms: list[tuple[int, str]]) -> Task:
    """Rows alternate between two classes; the form of each is (side, ending)."""
    paths = []
    for at, (side, ending) in enumerate(forms):
        paths.append(folder / f"{at}.{ending}")
        Image.new("RGB", (side, 11), (at, 2, 3)).save(paths[-1])
    rows = np.arange(len(paths))
    return Task("set", ("a", "b"), ImageSet(FileImages(tuple(paths)), ("a", "b"), rows % 2, rows))


@pytest.mark.parametrize("forms", [[(13, "png"), (17, "png")] * 6, [(13, "png"), (13, "bmp")] * 6])
def test_sizes_or_endings_that_name_the_class_are_noted(tmp_path, forms):
    noted = format_predicts_class(task_in(tmp_path, forms))
    assert noted.title == "Size and format of the files alone name the class of 12 of 12 training images."
    assert noted.evidence == {"correct": 12, "images": 12, "largest_class": 6, "forms": 2}


def test_one_form_for_all_or_a_form_for_each_tells_nothing(tmp_path):
    (tmp_path / "one").mkdir()
    assert format_predicts_class(task_in(tmp_path / "one", [(13, "png")] * 10)) is None
    (tmp_path / "each").mkdir()
    assert format_predicts_class(task_in(tmp_path / "each", [(13 + at, "png") for at in range(10)])) is None


def test_forms_that_both_classes_have_tell_nothing(tmp_path):
    assert format_predicts_class(task_in(tmp_path, [(13, "png"), (13, "png"), (17, "png"), (17, "png")] * 3)) is None


def test_pictures_in_memory_have_no_form():
    rows = np.arange(4)
    images = ArrayImages(np.zeros((4, 5, 5, 3), np.uint8), "set", rows)
    found = format_predicts_class(Task("set", ("a", "b"), ImageSet(images, ("a", "b"), rows % 2, rows)))
    assert found.reason == "there are no training images in files"


def test_a_file_gone_since_is_a_form_of_its_own(tmp_path):
    task = task_in(tmp_path, [(13, "png"), (17, "png")] * 6)
    (tmp_path / "0.png").unlink()
    assert format_predicts_class(task).evidence["correct"] == 11


def test_each_file_is_judged_by_the_others():
    first, second = (1, 1, "", ""), (2, 2, "", "")
    assert _leave_one_out_hits([first, first, first, second], [0, 0, 1, 1]) == 0
    assert _leave_one_out_hits([first, first, first, first, second, second], [0, 0, 0, 1, 1, 1]) == 5
