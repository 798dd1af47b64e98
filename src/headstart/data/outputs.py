"""Outputs: data that give an image several labels, or a number, in place of one class; refused where one class is wanted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from headstart.core.errors import DataError, did_you_mean
from headstart.core.findings import Finding
from headstart.data.class_names import canonical, check_distinct
from headstart.data.column_names import heading_by_alias

if TYPE_CHECKING:
    from headstart.data.raw_dataset import RawDataset

Outputs: TypeAlias = Literal["", "several_labels", "numbers"]
"""What the labels of rows are: one class each, several labels each, or a number each."""
SEPARATOR = ";"
"""Between the labels of an image; alone it says that the image shows none of the classes."""
TARGET = "target"
"""The column of the numbers to predict."""
SEVERAL = "several-labels"
"""The finding of several labels."""
MOSTLY = 0.5
"""Share of cells that must be numbers with a fraction for a column `target` to be read as numbers. Chosen, not measured."""
LARGEST = 1e100
"""Larger numbers are refused: a square of 1e200 leaves room in float64 for the sum of any number of them."""
MEANT = {"several_labels": "several labels", "numbers": "numbers"}
COMMANDS = "`run`, `inspect`, `rank`, `predict`, `evaluate`, `report`, `export` and `serve`"


class SeveralOutputsError(DataError):
    """Data with several labels or with numbers, where one class an image is wanted.

    Args:
        raw: The rows, for who takes such data.
    """

    def __init__(self, raw: RawDataset) -> None:
        super().__init__(
            f"{raw.name} holds {MEANT[raw.outputs]}, and one class an image is wanted here. {COMMANDS} take such data."
        )
        self.raw = raw


class Cells(NamedTuple):
    """What the labels of rows are, the labels in one spelling, what is to be said of them, and several as they were written."""

    outputs: Outputs
    labels: tuple[str | None, ...]
    findings: tuple[Finding, ...]
    written: tuple[str | None, ...] = ()


def named_with_separator(classes: Sequence[str]) -> bool:
    """Whether the name of a class holds a separator, so that data with these classes have one class an image."""
    return any(SEPARATOR in name for name in classes)


def check_one_class(raw: RawDataset) -> None:
    """Refuse rows with several labels or with numbers: `SeveralOutputsError`."""
    if raw.outputs:
        raise SeveralOutputsError(raw)


def labels_in(cell: str) -> tuple[str, ...]:
    """The labels that a cell holds, each once, sorted; none for a lone separator.

    >>> labels_in("dog; cat;dog"), labels_in(";")
    (('cat', 'dog'), ())
    """
    return tuple(sorted({name for piece in cell.split(SEPARATOR) if (name := canonical(piece))}))


def number_in(cell: str, where: str, heading: str = TARGET) -> float:
    """The number that a cell of a column holds.

    Args:
        cell: Its text.
        where: The row, for messages.
        heading: The column's.

    Returns:
        The number.

    Raises:
        DataError: It is another text, nan, infinity, or so large that its square is no number.
    """
    number = _number(cell)
    if number is None:
        raise DataError(f'{where}: {heading} = "{cell}" is not a number. Write one, such as 37.5, or leave the cell empty.')
    if not math.isfinite(number):
        raise DataError(f'{where}: {heading} = "{cell}" is not a finite number. Correct it, or leave the cell empty.')
    if abs(number) > LARGEST:
        cell = min(cell, f"{number:g}", key=len)  # a whole float in an array is a cell of hundreds of digits
        raise DataError(
            f'{where}: {heading} = "{cell}" is larger than {LARGEST:g}, beyond which squared errors cannot be added. Correct it, '
            "or give all numbers in a larger unit."
        )
    return number


def are_amounts(cells: Sequence[str]) -> bool:
    """Whether most cells that are not empty are numbers with a fraction, so that they are no classes."""
    given = [cell for cell in cells if cell]
    numbers = [number for cell in given if (number := _number(cell)) is not None and math.isfinite(number)]
    return bool(given) and sum(not number.is_integer() for number in numbers) > MOSTLY * len(given)


def check_asked(meant: Mapping[str, str], names: Collection[str], asked: str, place: str) -> None:
    """Refuse a heading whose numbers are asked for where no column has it, or where it tells what is predicted from."""
    if asked not in names:
        raise DataError(
            f'{place}: has no column "{asked}", whose numbers are to be predicted.{did_you_mean(asked, names)} Name one '
            "of its columns."
        )
    if meant.get(asked) in ("path", "features"):
        raise DataError(
            f'{place}: the column "{asked}" tells what numbers are predicted from. Name the one that holds the numbers.'
        )


def with_numbers(meant: Mapping[str, str], columns: Mapping[str, Sequence[str]], asked: str, place: str) -> dict[str, str]:
    """The known column that each heading means, once it is decided which one holds numbers to predict.

    That is the one that was asked for. Otherwise it is a column `target` that holds amounts, where no other column holds classes,
    be it called label, species or another name of such; a column `target` of other cells holds classes.

    Args:
        meant: The known column by heading.
        columns: The cells of each column by its heading.
        asked: The heading that was asked for; empty where none was.
        place: The file, for messages.

    Returns:
        The known column by heading.

    Raises:
        DataError: There is no column of the heading that was asked for.
    """
    others = {name: word for name, word in meant.items() if word not in ("label", TARGET)}
    if asked:
        check_asked(meant, columns, asked, place)
        return others | {asked: TARGET}
    heading = next((name for name, word in meant.items() if word == TARGET), None)
    if heading is None:
        return dict(meant)
    classes = {name: word for name, word in meant.items() if word == "label"}
    if classes:
        return others | classes
    if not are_amounts(columns[heading]):
        return others | {heading: "label"}
    named = heading_by_alias((name for name in columns if name not in meant), "label")
    return others | ({named: "label"} if named else {heading: TARGET})


def are_several(cells: Sequence[str]) -> bool:
    """Whether the separators of cells stand between labels, and are no part of the names of classes.

    They do where a cell is a lone separator or ends with one, as that of a list does, or where a label of a cell with several is
    in another cell, too, alone or beside other ones.

    >>> are_several(["dog; cat", "cat"]), are_several(["mild; moderate", "severe"])
    (True, False)
    """
    apart = {labels_in(cell) for cell in cells}
    count = Counter(name for names in apart for name in names)
    return any(SEPARATOR in cell and (cell.rstrip().endswith(SEPARATOR) or _recurs(cell, count)) for cell in set(cells))


def _recurs(cell: str, count: Counter[str]) -> bool:
    return any(count[name] > 1 for name in labels_in(cell))


def cells_of_labels(labels: Sequence[str | None], place: str, *, numbers: bool, plural: bool = False) -> Cells:
    """What labels are: numbers where that is known, and several an image by their spelling.

    Args:
        labels: One text a row.
        place: The file, for findings.
        numbers: Whether they are numbers.
        plural: Whether their column is called `labels`, so that every separator stands between labels.

    Returns:
        The cells.
    """
    if numbers:
        title = f"A column of {Path(place).name} is read as numbers to predict."
        advice = "If it holds classes, call it label."
        return Cells("numbers", tuple(labels), (Finding.info("predicts-numbers", title, advice),))
    given = [label for label in labels if label is not None]
    if not any(SEPARATOR in label for label in given) or not (plural or are_several(given)):
        return Cells("", tuple(labels), ())
    found = [None if label is None else labels_in(label) for label in labels]
    several = sum(one is not None and len(one) > 1 for one in found)
    none = sum(one == () for one in found)
    title = f'Labels of {Path(place).name} are read as several an image, with ";" between them ({several} images have several).'
    advice = (
        'A lone ";" means none of the classes, an empty cell that the labels are unknown. Rename a class that is named with ";".'
    )
    finding = Finding.info(SEVERAL, title, advice, several=several, none=none)
    joined = tuple(None if one is None else SEPARATOR.join(one) or SEPARATOR for one in found)
    return Cells("several_labels", joined, (finding,), tuple(labels))


def check_names(cells: Cells, place: str) -> None:
    """Refuse names of classes that are too alike; `place` is the file, for messages."""
    if cells.outputs == "numbers":
        return
    given = [label for label in cells.labels if label is not None]
    check_distinct((name for label in given for name in (labels_in(label) if cells.outputs else (label,))), place)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
