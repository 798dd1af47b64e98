"""From pictures in memory to a Task: arrays or Pillow images with their labels, checked and split as those of a place."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import numpy as np

from headstart.core.arguments import Accepts, NotAcceptedError, Texts, checked, instance_of, several
from headstart.core.errors import DataError, did_you_mean
from headstart.core.types import UNLABELED
from headstart.data.class_names import check_distinct, quoted
from headstart.data.given_images import AnyImages, given_images, joined_pictures, pictures_of
from headstart.data.images import ArrayImages, Images
from headstart.data.mixed_images import ORIGIN
from headstart.data.raw_dataset import RawDataset
from headstart.data.reading import task_in
from headstart.data.split_assignment import check_shares
from headstart.data.tables import text_of
from headstart.data.task import Task


def _cells(value: Any) -> tuple[Any, ...]:
    """One value a picture: a list, an array of one axis, a tensor or a column of a table."""
    found = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(found, str | bytes | Mapping) or not isinstance(found, Iterable):
        raise NotAcceptedError(value)
    cells = tuple(cell.item() if isinstance(cell, np.generic) else cell for cell in found)
    for row, cell in enumerate(cells):
        if cell is not None and not isinstance(cell, str | numbers.Real):
            raise NotAcceptedError(cell, f"[{row}]")
    return cells


def _test(value: Any) -> Any:
    """A share, or a pair of images and labels."""
    if isinstance(value, numbers.Real):
        return instance_of(numbers.Real, float)(value)
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise NotAcceptedError(value)
    return given_images(value[0]), _cells(value[1])


Cells: TypeAlias = Annotated[Any, Accepts("a name or a whole number for each picture", _cells)]
"""Labels or groups, one a picture."""
Test: TypeAlias = Annotated[Any, Accepts("a share of the labeled rows, or a pair of images and labels", _test)]
"""What is held out."""


@checked
def read_arrays(
    images: AnyImages,
    labels: Cells,
    *,
    test: Test | None = None,
    groups: Cells | None = None,
    classes: Texts = (),
    name: str = "arrays",
    seed: int = 0,
    per_class: int | None = None,
) -> Task:
    """The task of pictures in memory, cleaned, grouped and split as `read_task` does with files.

    A run on it cannot be adjusted or extended later in another process: the pictures lie in no place that can be read again.

    Args:
        images: An array [sample, height, width] of gray or [sample, height, width, channel] of other pictures, as bytes from 0 to
            255 or as real numbers from 0 to 1, or a list of Pillow images, of arrays or of paths.
        labels: The class of each picture: its name, or a whole number, which is an index into `classes` where these are given and
            a name elsewhere. None, an empty text and -1 leave a picture without a label.
        test: Share of the labeled rows to set aside, as for `read_task`, or images and labels of a test of its own, which stays
            sealed. Its pictures are counted on after those to learn from.
        groups: Names or numbers of groups of pictures to learn from, such as those of one person, which no split parts.
        classes: Class names, for labels that are numbers. The task has them in natural order.
        name: Short name, fit for a folder name.
        seed: Decides the split, and the folds.
        per_class: As for `read_task`.

    Returns:
        The task.

    Raises:
        DataError: Images and labels do not fit together, or cannot be used; one sentence.
        PlanError: `per_class` or `test` is out of range, or has no effect.
    """
    share, held_out = (test, None) if not isinstance(test, tuple) else (None, test)
    check_shares(share, per_class, pool=False)
    known, pictures = several(classes), pictures_of(images)
    names, splits = _names(labels, len(pictures), known, "labels"), ["" if held_out is None else "train"] * len(pictures)
    grouped = [] if groups is None else _groups(groups, len(pictures))
    if held_out is not None:
        pictures_held_out = pictures_of(held_out[0])
        names += _names(held_out[1], len(pictures_held_out), known, "the labels of the test")
        splits += ["test"] * len(pictures_held_out)
        grouped += [""] * len(pictures_held_out) if grouped else []
        pictures = _joined(pictures, pictures_held_out)
    if not any(label is not None and split != "test" for label, split in zip(names, splits, strict=True)):
        raise DataError("labels name no class. Give the class of some pictures.")
    check_distinct((label for label in names if label is not None), "labels")
    return task_in(RawDataset(name, pictures, tuple(names), tuple(splits), tuple(grouped)), "", seed, per_class, test=share)


def _joined(first: Images, second: Images) -> Images:
    """The pictures of both; arrays of one size stay one array."""
    if isinstance(first, ArrayImages) and isinstance(second, ArrayImages) and first.pixels.shape[1:] == second.pixels.shape[1:]:
        pixels = np.concatenate([first.pixels, second.pixels])
        return ArrayImages(pixels, ORIGIN, np.arange(len(pixels)))
    return joined_pictures([first, second])


def _check_count(cells: Sequence[Any], count: int, what: str) -> None:
    if len(cells) != count:
        raise DataError(f"There are {count:,} pictures, and {what} are {len(cells):,}. Give one for each picture.")


def _names(labels: Sequence[Any], count: int, classes: tuple[str, ...], what: str) -> list[str | None]:
    """The class name of each picture; None where it has none."""
    _check_count(labels, count, what)
    twice = next((name for row, name in enumerate(classes) if name in classes[:row]), None)
    if twice is not None:
        raise DataError(f'classes names "{twice}" twice. Name each class once.')
    return [_name(label, classes, f"{what}[{row}]") for row, label in enumerate(labels)]


def _name(label: Any, classes: tuple[str, ...], where: str) -> str | None:
    text = text_of(label)
    if text in ("", str(UNLABELED)):
        return None
    if isinstance(label, numbers.Real) and not float(label).is_integer():
        raise DataError(f"{where} = {label} is not a name or a whole number. Classes are wanted, not amounts.")
    if not classes or text in classes:
        return text
    if not isinstance(label, numbers.Real):
        raise DataError(f'{where} = "{text}" is none of the classes.{did_you_mean(text, classes)} They are {quoted(classes)}.')
    if not 0 <= int(float(label)) < len(classes):
        raise DataError(f"{where} = {text}, and there are {len(classes)} classes, which are counted from 0. Name all of them.")
    return classes[int(float(label))]


def _groups(groups: Sequence[Any], count: int) -> list[str]:
    _check_count(groups, count, "groups")
    return [text_of(group) for group in groups]
