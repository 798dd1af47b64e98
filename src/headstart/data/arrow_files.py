"""Pictures in Arrow and Parquet files: where the bytes of each lie in a file that is read range by range."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headstart.core.errors import DataError, ExportError, HeadstartError
from headstart.core.folders import cache_folder
from headstart.core.progress import progress
from headstart.core.records import atomic_file
from headstart.core.types import Integers
from headstart.data.addresses import shown_name
from headstart.data.images import stamp_of
from headstart.data.picture_columns import BYTES, bytes_of

FOLDER = "pictures"
"""The folder of the cache with pictures that lie compressed in files of tables."""
BATCH_ROWS = 64
"""Pictures that are in memory while they are unpacked."""
BUFFER_BYTES = 2**20
"""Of a Parquet file that is read at a time: without it, all pictures of a group of rows are."""
MAX_BYTES = 64 * 2**30
PARQUET = ".parquet"
MAGIC = b"ARROW1"
"""How Arrow's file format begins; its stream format, which `datasets` writes, has no such word."""
END = b"\xff\xff\xff\xff" + bytes(4)
"""How a stream ends that is whole."""


class Ranges(NamedTuple):
    """Where the pictures of a file lie.

    Attributes:
        file: The file with the bytes, which may be another one.
        starts: int64 [sample].
        sizes: int64 [sample]; -1 where there is no picture.
    """

    file: Path
    starts: Integers
    sizes: Integers


def schema_of(file: Path) -> pa.Schema:
    """The schema of a Parquet or Arrow file; `DataError` where it cannot be read, or several columns have one name."""
    with _readable(file):
        if file.suffix.lower() == PARQUET:
            schema = pq.read_schema(file)
        else:
            with pa.memory_map(str(file)) as source:
                schema = _opened(source).schema
    if several := [name for name, count in Counter(schema.names).items() if count > 1]:
        raise DataError(f'{shown_name(file)}: has several columns called "{several[0]}". Rename or remove all but one.')
    return schema


def rest_of(file: Path, picture: str) -> pa.Table:
    """The other columns than the pictures."""
    names = [name for name in schema_of(file).names if name != picture]
    if not names:
        return pa.table({})
    with _readable(file):
        if file.suffix.lower() == PARQUET:
            return pq.read_table(file, columns=names, partitioning=None)
        with pa.memory_map(str(file)) as source:
            table = _opened(source, [at for at, name in enumerate(schema_of(file).names) if name != picture]).read_all()
            table.validate(full=True)  # a damaged file may point anywhere
            return table


def ranges_of(file: Path, picture: str) -> Ranges:
    """Where the pictures lie: in an Arrow file itself where they are not compressed, or else in an unpacked copy in the cache."""
    if file.suffix.lower() != PARQUET:
        with _readable(file):
            found = _ranges_in(file, picture)
        if found is not None:
            return found
    stamp = stamp_of(file)
    of_file, of_state = (hashlib.sha256(repr(one).encode()).hexdigest()[:16] for one in ((stamp.place, picture), stamp[1:]))
    copy = cache_folder().absolute() / FOLDER / f"{of_file}{of_state}.arrow"
    if not copy.exists():
        _unpack(file, picture, copy)
        for other in copy.parent.glob(f"{of_file}*.arrow"):
            if other != copy:  # of the file before it changed
                with suppress(OSError):
                    other.unlink()
    with _readable(copy):
        found = _ranges_in(copy, BYTES)
    if found is None:
        raise DataError(f"{copy}: is damaged. Delete it with `headstart cache --clear`, and start again.")
    return found


def _ranges_in(file: Path, picture: str) -> Ranges | None:
    """The ranges of bytes of an Arrow file that hold the pictures; None where they are compressed, or of another form."""
    starts, sizes = [], []
    with pa.memory_map(str(file)) as source:
        num_bytes = source.size()
        first = source.read_buffer(num_bytes).address
        source.seek(0)
        at = schema_of(file).get_field_index(picture)
        # One at a time, as a compressed one is unpacked whole; with all columns, as Arrow copies what it reads of some.
        for batch in _each_batch(_opened(source)):
            pictures = bytes_of(batch.column(at))
            if not len(pictures):
                continue
            if pa.types.is_binary_view(pictures.type):
                return None
            _, offsets, values = pictures.buffers()
            width = np.int64 if pa.types.is_large_binary(pictures.type) else np.int32
            edges = np.frombuffer(offsets, width)[pictures.offset : pictures.offset + len(pictures) + 1].astype(np.int64)
            start = values.address - first if edges[-1] > edges[0] else 0  # nothing may lie anywhere
            size = np.where(pictures.is_valid().to_numpy(zero_copy_only=False), np.diff(edges), -1)
            if not 0 <= start <= num_bytes:
                return None
            if (np.diff(edges) < 0).any() or not 0 <= edges[0] <= edges[-1] <= num_bytes - start:
                raise pa.ArrowInvalid("its pictures lie outside of it")
            starts.append(start + edges[:-1])
            sizes.append(size)
    blank = [np.empty(0, np.int64)]
    return Ranges(file, np.concatenate(starts or blank), np.concatenate(sizes or blank))


def _opened(source: Any, fields: list[int] | None = None) -> Any:
    """The reader of an Arrow file of either format, of all or of those columns.

    Raises `pa.ArrowInvalid` where a stream lacks its end, and so may lack more.
    """
    options = pa.ipc.IpcReadOptions(included_fields=fields)
    is_file = source.read(len(MAGIC)) == MAGIC
    if not is_file:
        source.seek(max(0, source.size() - len(END)))
        if source.read(len(END)) != END:
            raise pa.ArrowInvalid("it is cut off")
    source.seek(0)
    return pa.ipc.open_file(source, options=options) if is_file else pa.ipc.open_stream(source, options=options)


def _each_batch(opened: Any) -> Iterator[pa.RecordBatch]:
    count = getattr(opened, "num_record_batches", None)
    return iter(opened) if count is None else map(opened.get_batch, range(count))


def _unpack(file: Path, picture: str, copy: Path) -> None:
    """Write the pictures of a file one after the other into a copy, some at a time."""
    name, num_bytes = shown_name(file), 0
    schema = pa.schema({BYTES: pa.large_binary()})
    try:
        with _readable(file):
            num_rows, batches = _batches_of(file, picture)
        with (
            atomic_file(copy) as stream,
            pa.ipc.new_stream(stream, schema) as writer,
            progress(num_rows, "Unpacking pictures") as advance,
        ):
            for batch in _each_readable(file, batches):
                pictures = bytes_of(batch.column(batch.schema.get_field_index(picture))).cast(pa.large_binary())
                num_bytes += pictures.nbytes
                if num_bytes > MAX_BYTES:
                    raise DataError(f"{name}: unpacks to more than the {MAX_BYTES:,} bytes allowed. Split or shrink it.")
                writer.write_batch(pa.record_batch([pictures], schema=schema))
                advance(len(pictures))
    except ExportError as error:
        reason = f"{error.__cause__}" if error.__cause__ else str(error)
        raise DataError(
            f"{name}: its pictures cannot be unpacked into the cache ({reason}). Free space, or name another folder by "
            "HEADSTART_CACHE."
        ) from None


def _batches_of(file: Path, picture: str) -> tuple[int, Iterator[pa.RecordBatch]]:
    """The number of rows of a file, and its pictures, some at a time."""
    if file.suffix.lower() == PARQUET:
        parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER_BYTES)
        return parquet.metadata.num_rows, parquet.iter_batches(BATCH_ROWS, columns=[picture])
    batches = _each_batch(_opened(pa.memory_map(str(file))))
    return 0, (part for batch in batches for part in pa.Table.from_batches([batch]).to_batches(BATCH_ROWS))


def _each_readable(file: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches; what Arrow raises while it reads them is told of the file, and not of the cache that they go to."""
    with _readable(file):
        yield from batches


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Inside, what Arrow raises is a `DataError` of one sentence."""
    try:
        yield
    except HeadstartError:
        raise
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        kind = "Parquet" if file.suffix.lower() == PARQUET else "Arrow"
        reason = " ".join(str(error).split())[:120].rstrip(". ")
        raise DataError(f"{shown_name(file)}: cannot be read as {kind} ({reason}). Write it again.") from None
