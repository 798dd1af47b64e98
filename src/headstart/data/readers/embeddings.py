"""Embeddings: feature vectors made elsewhere, with their labels."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import compute

from headstart.core.errors import DataError, did_you_mean
from headstart.core.types import Floats
from headstart.data.class_names import canonical
from headstart.data.column_names import columns_meant, known_name, renamed_columns
from headstart.data.images import Embeddings as EmbeddedRows
from headstart.data.outputs import TARGET, are_amounts, cells_of_labels, check_asked, check_names, number_in
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.split_names import split_and_label
from headstart.data.tables import ignored_columns, read_parquet, text_of

ARRAYS = ("features", "labels", "split", "group", "domain")
NUMBERED = re.compile(r"f(\d+)")
MAX_BYTES = 64 * 2**30


class Embeddings(Reader):
    """A .npz file, a .parquet file with a column `features` or columns f0, f1, ..., or a folder with such a file in it."""

    precedence = 30
    reads_columns = True
    summary: ClassVar[str] = "embeddings.npz or .parquet with features[sample, feature], labels, optional split, group, domain"

    def recognizes(self, place: str) -> bool:
        return bool(_files(place))

    def read(self, place: str) -> RawDataset:
        return self._read(place, ("features", "labels"))

    def read_unsorted(self, place: str) -> RawDataset:
        return self._read(place, ("features",))

    def pictures(self, place: str) -> EmbeddedRows:
        where, (arrays, unknown, _) = self._arrays(place)
        _check_there("features", arrays, unknown, where)
        features = _checked_features(arrays["features"], where)
        return EmbeddedRows(features, Path(where).name, np.arange(len(features)))

    def _arrays(self, place: str) -> tuple[str, Read]:
        """The file of a place, and what it holds."""
        files = _files(place)
        if len(files) > 1:
            raise DataError(f"{place}: holds {' and '.join(file.name for file in files)}. Point at one of them.")
        read = _from_npz if files[0].suffix.lower() == ".npz" else _from_parquet
        return str(files[0]), read(files[0], self.numbers)

    def _read(self, place: str, required: tuple[str, ...]) -> RawDataset:
        where, (arrays, unknown, meant) = self._arrays(place)
        for name in required:
            _check_there(name, arrays, unknown, where)
        file, features = Path(where), _checked_features(arrays["features"], where)
        numbers = bool(self.numbers) or _predicts_numbers(arrays, meant)
        texts = {"labels": _number_cells(arrays["labels"], self.numbers or TARGET, len(features), where)} if numbers else {}
        rest = [name for name in ARRAYS[1:] if name in arrays and name not in texts]
        cells = texts | {name: _checked_cells(arrays[name], name, len(features), where) for name in rest}
        blank = [""] * len(features)
        labels = ["" if label == "-1" else label for label in cells.get("labels", blank)]
        known = [
            split_and_label(split, label, f"{where}, row {row}")
            for row, (split, label) in enumerate(zip(cells.get("split", blank), labels, strict=True))
        ]
        told = cells_of_labels([label for _, label in known], where, numbers=numbers)
        check_names(told, where)
        return RawDataset(
            name=canonical(file.stem if file.stem.casefold() != "embeddings" else file.resolve().parent.name) or "data",
            images=EmbeddedRows(features, file.name, np.arange(len(features))),
            labels=told.labels,
            splits=tuple(split for split, _ in known),
            groups=tuple(cells.get("group", ())),
            domains=tuple(cells.get("domain", ())),
            findings=(
                *renamed_columns(where, {one: word for one, word in meant.items() if one != self.numbers}),
                *ignored_columns(where, unknown, ARRAYS),
                *told.findings,
            ),
            outputs=told.outputs,
            written=told.written,
        )


def _check_there(name: str, arrays: dict[str, Any], unknown: list[str], where: str) -> None:
    if name not in arrays:
        listed = ", ".join([*arrays, *unknown]) or "none"
        raise DataError(f'{where}: has no "{name}".{did_you_mean(name, unknown)} It holds: {listed}. Add or rename it.')


def _with_asked(meant: dict[str, str], names: Collection[str], asked: str, place: str) -> dict[str, str]:
    """The known name of each column, where the labels are the numbers that were asked for, if any were."""
    if not asked:
        return meant
    check_asked(meant, names, asked, place)
    return {name: word for name, word in meant.items() if word != "labels"} | {asked: "labels"}


def _predicts_numbers(arrays: dict[str, Any], meant: dict[str, str]) -> bool:
    """Whether what stands for the labels is an array `target` of amounts."""
    heading = next((name for name, word in meant.items() if word == "labels"), "")
    if not known_name(heading, (TARGET,)):
        return False
    return are_amounts([text_of(value) for value in np.asarray(arrays["labels"], dtype=object).ravel().tolist()])


def _number_cells(values: Any, heading: str, num_rows: int, where: str) -> list[str]:
    """Numbers as text, one a row; empty where there is none."""
    cells = [text_of(value) for value in _one_a_row(values, heading, num_rows, where)]
    return [cell and repr(number_in(cell, f"{where}, row {row}", heading)) for row, cell in enumerate(cells)]


def _files(place: str) -> list[Path]:
    if os.path.isfile(place):  # noqa: PTH113  never raises, as Path.is_file may
        return [Path(place)] if place.lower().endswith(".npz") or _is_parquet_of_features(place) else []
    candidates = [os.path.join(place, f"embeddings{suffix}") for suffix in (".npz", ".parquet")]  # noqa: PTH118
    return [Path(candidate) for candidate in candidates if os.path.isfile(candidate)]  # noqa: PTH113


def _is_parquet_of_features(place: str) -> bool:
    if not place.lower().endswith(".parquet"):
        return False
    try:
        schema = pq.read_schema(place)
    except (pa.ArrowException, OSError, ValueError):
        return False
    return "features" in _meant(schema, place).values() or any(map(NUMBERED.fullmatch, schema.names))


def _meant(schema: pa.Schema, place: str, cells_of: Callable[[str], list[Any]] = lambda name: [None]) -> dict[str, str]:
    """The known name of each column; features by another heading are a column of lists, so that `x` may be a number."""
    meant = columns_meant(schema.names, ARRAYS, place, cells_of)
    scalar = {name for name in meant if not known_name(name, ARRAYS) and not _is_list(schema.field(name).type)}
    return {name: word for name, word in meant.items() if word != "features" or name not in scalar}


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


Read = tuple[dict[str, Any], list[str], dict[str, str]]
"""The arrays by their known names, the names that mean nothing, and the known name that each other one means."""


def _from_npz(path: Path, asked: str) -> Read:
    try:
        _check_unpacked_size(path)
        with np.load(path, allow_pickle=False) as content:
            meant = columns_meant(content.files, ARRAYS, str(path), lambda name: content[name].ravel().tolist())
            meant = _with_asked(meant, content.files, asked, str(path))
            arrays = {meaning: content[name] for name, meaning in meant.items()}
            return arrays, [name for name in content.files if name not in meant], meant
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile, MemoryError, NotImplementedError) as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path}: holds an array of Python objects, which may run code when read. Save numbers and texts only."
            ) from None
        reason = " ".join(str(error).split())[:120].rstrip(". ") or "it is damaged"
        raise DataError(f"{path}: cannot be read as .npz ({reason}). Write it again with numpy.savez.") from None


def _check_unpacked_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        num_bytes = sum(member.file_size for member in archive.infolist())
    if num_bytes > MAX_BYTES:
        raise DataError(f"{path}: unpacks to {num_bytes:,} bytes, more than the {MAX_BYTES:,} allowed. Split or shrink it.")


def _from_parquet(path: Path, asked: str) -> Read:
    table = read_parquet(path)
    arrays: dict[str, Any] = {}
    unknown: list[str] = []
    numbered = {int(match[1]): match[0] for match in map(NUMBERED.fullmatch, table.column_names) if match}
    meant = _meant(table.schema, str(path), lambda name: table.column(name).to_pylist())
    if asked in numbered.values() and "features" not in meant.values():
        raise DataError(
            f'{path}: the column "{asked}" tells what numbers are predicted from. Name another one; if it is no feature, rename '
            "it and number the others from f0 on."
        )
    meant = _with_asked(meant, table.column_names, asked, str(path))
    for name in table.column_names:
        meaning = meant.get(name)
        if meaning == "features":
            arrays[meaning] = _stacked(table.column(name), str(path))
        elif meaning:
            arrays[meaning] = table.column(name).to_pylist()
        elif name not in numbered.values():
            unknown.append(name)
    if numbered and "features" not in arrays:
        if sorted(numbered) != list(range(len(numbered))):
            absent = next(number for number in range(len(numbered)) if number not in numbered)
            raise DataError(f"{path}: its feature columns lack f{absent}. Number them f0, f1, ... without a gap.")
        columns = [table.column(numbered[number]) for number in range(len(numbered))]
        arrays["features"] = np.stack([_numbers(column, str(path)) for column in columns], axis=1)
    return arrays, unknown, meant


def _stacked(column: pa.ChunkedArray, place: str) -> np.ndarray[Any, Any]:
    if not _is_list(column.type):
        raise DataError(f"{place}: features is a column of {column.type}, and must be one of lists of numbers. Write it again.")
    lengths = np.asarray(compute.fill_null(compute.list_value_length(column), 0).to_numpy())
    uneven = np.flatnonzero(lengths != lengths[:1])
    if len(uneven):
        raise DataError(
            f"{place}, row {uneven[0]}: has {lengths[uneven[0]]} features where row 0 has {lengths[0]}. "
            "Make all rows equally wide."
        )
    values = pa.chunked_array([chunk.flatten() for chunk in column.chunks], column.type.value_type)
    return _numbers(values, place).reshape(len(lengths), int(lengths[:1].sum()))


def _numbers(column: pa.ChunkedArray, place: str) -> np.ndarray[Any, Any]:
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise DataError(f"{place}: its features are {column.type}, and must be numbers. Write it again.")
    return np.asarray(column.to_numpy())


def _checked_features(values: Any, place: str) -> Floats:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise DataError(f"{place}: features are of type {array.dtype}, and must be real numbers. Convert them.")
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(
            f"{place}: features have the shape {array.shape}, and must be [sample, feature] with one of each at least. "
            "Reshape them."
        )
    with np.errstate(over="ignore"):
        features = np.ascontiguousarray(array, dtype=np.float32)
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(broken):
        raise DataError(
            f"{place}: {len(broken)} of {len(features)} rows hold nan, infinite or too large features, "
            f"the first is row {broken[0]}. Mend or remove them."
        )
    return features


def _one_a_row(values: Any, name: str, num_rows: int, place: str) -> list[Any]:
    """The values of an array, once there is one a row."""
    if not isinstance(values, list):
        shape = np.shape(values)
        if len(shape) != 1:
            raise DataError(f"{place}: {name} has the shape {shape}, and must be one value a row. Reshape it.")
        values = np.asarray(values).tolist()
    if len(values) != num_rows:
        raise DataError(f"{place}: {name} has {len(values)} values for {num_rows} rows of features. Make them equally long.")
    return list(values)


def _checked_cells(values: Any, name: str, num_rows: int, place: str) -> list[str]:
    array = _one_a_row(values, name, num_rows, place)
    for row, value in enumerate(array):
        if isinstance(value, float) and np.isfinite(value) and not value.is_integer():
            raise DataError(
                f"{place}, row {row}: {name} = {value} is not a name or a whole number. Classes are wanted, not amounts."
                + (' To predict numbers, call the array "target".' if name == "labels" else "")
            )
    return [text_of(value) for value in array]
