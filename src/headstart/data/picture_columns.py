"""Columns of Arrow tables that hold pictures as bytes of files, as Hugging Face's `datasets` and others keep them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from headstart.core.errors import DataError
from headstart.data.column_names import columns_meant, known_name
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.mixed_images import Item
from headstart.data.outputs import TARGET
from headstart.data.table_rows import IS_VALID
from headstart.data.tables import Table, cells_of, table_of

KNOWN = ("label", "split", "group", "domain", TARGET, IS_VALID)
BYTES, PATH = "bytes", "path"
"""The fields of a picture, as Hugging Face's `Image` has them."""
OF_BYTES = frozenset({BYTES, *(suffix[1:] for suffix in IMAGE_SUFFIXES)})
"""Headings of columns of bytes that are pictures, beside those of `column_names`."""


def picture_column(schema: pa.Schema, place: str) -> str | None:
    """The name of the column with pictures, one of bytes or of records with `bytes`; None where there is none.

    Of several the one that its heading calls a picture. Beside a column of texts called `path`, bytes of another heading are no
    pictures. `DataError` where several columns may be the one.
    """
    found: list[str] = [field.name for field in schema if _holds_bytes(field.type)]
    called = _called_path(found, place) or [name for name in found if name.strip().casefold() in OF_BYTES]
    records = [name for name in found if pa.types.is_struct(schema.field(name).type)] if len(found) == 1 else []
    if not found or len(called) == 1 or records:
        return next(iter(called or records), None)
    paths = _called_path([field.name for field in schema if _holds_text(field.type)], place)
    if paths and known_name(paths[0], (PATH,)):
        return None
    if len(found) > 1:
        raise DataError(f'{place}: has several columns of bytes, {", ".join(found)}. Call the one with the pictures "image".')
    if paths:
        raise DataError(
            f'{place}: may have its pictures in "{found[0]}", as bytes, or in the files that "{paths[0]}" names. Call the '
            'first "image" or the other "path".'
        )
    return found[0]


def _called_path(names: list[str], place: str) -> list[str]:
    """The one of several columns whose heading means pictures; none where no heading does."""
    return [name for name, word in columns_meant(names, (PATH,), place, lambda name: ()).items() if word == PATH]


def _holds_text(kind: pa.DataType) -> bool:
    cells = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(cells) or pa.types.is_large_string(cells) or pa.types.is_string_view(cells))


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(kind.field(at).name == BYTES and _is_bytes(kind.field(at).type) for at in range(kind.num_fields))
    return _is_bytes(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def bytes_of(pictures: pa.Array) -> pa.Array:
    """The bytes of the pictures of a column, null where there are none."""
    if not pa.types.is_struct(pictures.type):
        return pictures
    return pictures.flatten()[pictures.type.get_field_index(BYTES)]  # which knows of the records that are null


def table_beside(table: pa.Table, place: str, num_rows: int, *, needs_labels: bool, numbers: str = "") -> Table:
    """What the other columns tell of each of so many pictures; `numbers` is the heading of numbers to predict."""
    names, cells, _ = cells_of(table, place, numbers)  # which cannot count the rows of a table without columns
    rows = [f"row {row}" for row in range(num_rows)]
    return table_of(place, names, cells, rows, KNOWN, ("label",) if needs_labels else (), numbers)


def item_of(value: Any, name: str) -> Item:
    """The picture of one cell: bytes, or a path where the bytes lie elsewhere; empty bytes where there is neither."""
    if isinstance(value, dict):
        value = value.get(BYTES) or value.get(PATH)
    if isinstance(value, str):
        from headstart.data.stores import local_of  # noqa: PLC0415  addresses are rare

        return local_of(value)
    if value is None or isinstance(value, bytes):
        return value or b""
    raise DataError(f"{name}: is a cell of type {type(value).__name__}, and no picture. Give the bytes of files.")
