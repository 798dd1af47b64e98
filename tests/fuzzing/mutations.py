"""Mutations of valid files: bytes of any file, and what JSON, TOML, CSV, arrays, tables and archives are made of.

Those that know a format write a valid checksum again, so that what they changed is read.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load, save

from headstart.core.arrays import with_checksum
from headstart.core.checksums import KEY
from headstart.core.parsing import json_text
from headstart.core.sealed_tables import write_sealed

DEEP = 300
NUMBERS = (
    "-1",
    "0",
    "1",
    "1e999",
    "-1e308",
    "NaN",
    "Infinity",
    "2" * 400,
    "9" * 5000,
    "18446744073709551616",
    "0.5",
    "true",
    "null",
)
VALUES = (
    None,
    True,
    -1,
    0,
    2**31,
    2**64 - 1,
    1e308,
    -0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\u0000",
    "\u202e=1+1",
    "..",
    [],
    {},
    [[]],
)
TEXTS = (
    "",
    " ",
    "-1",
    "nan",
    "1e999",
    "\u0000",
    "=1+1",
    "\u202etxt",
    "../../etc/passwd",
    "/",
    "x" * 5000,
    "\n",
    '"',
    "a\r\nb",
    "\udcff",
)
FLOATS = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, -1.0)

Mutation = Callable[[bytes, Random], bytes]


def bytes_of(content: bytes, draw: Random) -> bytes:
    """Flip, cut, repeat, drop, overwrite or insert bytes."""
    kind = draw.randrange(7)
    data = bytearray(content)
    at = draw.randrange(len(data) + 1)
    length = min(draw.choice((1, 2, 4, 16, 256, 4096)), max(1, len(data) - at))
    if kind == 0 and data:
        for _ in range(draw.choice((1, 3, 20))):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at:at] = data[at : at + length] * draw.choice((1, 2, 50))
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at : at + length] = bytes([draw.choice((0, 255, 127, 10))]) * length
    elif kind == 5:
        data[at : at + 4] = draw.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**31)).to_bytes(4, draw.choice(("big", "little")))
    else:
        other = draw.randrange(len(data) + 1)
        data[at : at + length] = data[other : other + length]
    return bytes(data)


def text_of(content: bytes, draw: Random) -> bytes:
    """Replace a number or word, nest deeply, or drop, repeat or swap a line."""
    text = content.decode("utf-8", "replace")
    lines = text.splitlines(keepends=True) or [""]
    kind = draw.randrange(6)
    if kind < 2:
        found = list(re.finditer(r"-?\d+(\.\d+)?|true|false|null" if kind == 0 else r"[A-Za-z_]+", text))
        if found:
            one = draw.choice(found)
            return (text[: one.start()] + draw.choice(NUMBERS if kind == 0 else TEXTS) + text[one.end() :]).encode(
                "utf-8", "replace"
            )
    if kind == 2:
        depth = draw.choice((50, 101, 2000, 100_000))
        at = draw.randrange(len(text) + 1)
        return (text[:at] + "[" * depth + "]" * draw.choice((0, depth)) + text[at:]).encode("utf-8", "replace")
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    if kind == 3:
        del lines[one]
    elif kind == 4:
        lines[one:one] = [lines[other]] * draw.choice((1, 3, 1000))
    else:
        lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines).encode("utf-8", "replace")


def _depth(content: bytes) -> int:
    """Of brackets inside each other; how deep Python itself reads depends on who calls."""
    depth = deepest = 0
    for letter in content:
        depth += (letter in b"[{") - (letter in b"]}")
        deepest = max(deepest, depth)
    return deepest


def json_of(content: bytes, draw: Random) -> bytes:
    """Change one value inside, and write a valid checksum."""
    try:
        values = json.loads(content) if _depth(content) < DEEP else None
    except ValueError:
        values = None
    if values is None:
        return text_of(content, draw)
    values = _changed(values, draw)
    if not isinstance(values, dict):
        return json.dumps(values).encode()
    values.pop(KEY, None)
    return (json_text(values) if b'"checksum"' in content else json.dumps(values)).encode("utf-8", "replace")


def _changed(values: Any, draw: Random) -> Any:
    """The values with one of them, at some depth, replaced, dropped, repeated or swapped with another."""
    if isinstance(values, dict) and values and draw.random() < 0.85:
        name = draw.choice(list(values))
        kind = draw.randrange(8)
        if kind == 0:
            return {key: value for key, value in values.items() if key != name}
        if kind == 1:
            return values | {draw.choice(TEXTS): values[name]}
        if kind == 2:
            return values | {name: values[draw.choice(list(values))]}
        return values | {name: _changed(values[name], draw)}
    if isinstance(values, list) and values and draw.random() < 0.85:
        at, kind = draw.randrange(len(values)), draw.randrange(6)
        if kind == 0:
            return values[:at] + values[at + 1 :]
        if kind == 1:
            return values[:at] + [values[at]] * draw.choice((2, 3, 500)) + values[at:]
        if kind == 2:
            return []
        return [*values[:at], _changed(values[at], draw), *values[at + 1 :]]
    if draw.random() < 0.2:
        nested: Any = values
        for _ in range(draw.choice((3, 90, 200))):
            nested = [nested]
        return nested
    if isinstance(values, bool | None):
        return draw.choice(VALUES)
    if isinstance(values, int | float):
        return draw.choice(
            (*VALUES, -values, values + 1, values * 10**9, float(values) if abs(values) < 1e300 else 0, str(values))
        )
    return draw.choice((*VALUES, *(text for text in TEXTS if text.isprintable()), f"{values}x"))


def _array(array: Any, draw: Random) -> Any:
    """The array with other values, type, length, order of axes or number of axes."""
    kind = draw.randrange(9)
    array = np.array(array)
    if kind <= 1 and array.size:
        flat = array.reshape(-1).copy()
        value = draw.choice(FLOATS) if flat.dtype.kind == "f" else draw.choice((0, 1, 127))
        with np.errstate(all="ignore"):
            flat[draw.randrange(len(flat)) if kind == 0 else slice(None)] = value
        return flat.reshape(array.shape)
    if kind == 2:
        with np.errstate(all="ignore"):
            return (
                np.nan_to_num(array).astype(draw.choice((np.float64, np.float16, np.int64, np.uint8, np.bool_)))
                if array.dtype.kind in "fiub"
                else array
            )
    if kind == 3:
        return array[: draw.randrange(len(array) + 1)] if array.ndim else array[None]
    if kind == 4:
        return np.concatenate([array] * draw.choice((2, 3))) if array.ndim and len(array) else array
    if kind == 5:
        return array.T
    if kind == 6:
        return array[..., None] if draw.random() < 0.5 else array.reshape(-1)
    if kind == 7:
        return array[:0] if array.ndim else array
    return array[..., :-1] if array.ndim and array.shape[-1] else array


def _named(arrays: dict[str, Any], draw: Random) -> dict[str, Any]:
    if not arrays:
        return {"x": np.zeros(3)}
    name, kind = draw.choice(list(arrays)), draw.randrange(6)
    if kind == 0:
        return {key: value for key, value in arrays.items() if key != name}
    if kind == 1:
        return arrays | {draw.choice(("x", "features", "weight", "parameter.q", "stage.7", "mean.99")): arrays[name]}
    if kind == 2:
        return arrays | {name: arrays[draw.choice(list(arrays))]}
    return arrays | {name: _array(arrays[name], draw)}


def safetensors_of(content: bytes, draw: Random) -> bytes:
    """Change named arrays, or what is said of them, and write a valid checksum."""
    try:
        arrays = dict(sorted(load(content).items()))  # which comes in any order
        length = int.from_bytes(content[:8], "little")
        said = {name: text for name, text in json.loads(content[8 : 8 + length]).get("__metadata__", {}).items() if name != KEY}
    except Exception:  # noqa: BLE001  it was mutated before
        return bytes_of(content, draw)
    if said and draw.random() < 0.4:
        name = draw.choice(list(said))
        said[name] = json_of(said[name].encode(), draw).decode("utf-8", "replace")
    else:
        arrays = _named(arrays, draw)
    head, data = with_checksum(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, said or None))
    return bytes(head) + bytes(data)


def npz_of(content: bytes, draw: Random) -> bytes:
    """Change named arrays."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=True) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception:  # noqa: BLE001  it was mutated before
        return bytes_of(content, draw)
    stream = io.BytesIO()
    np.savez(stream, **{name: array for name, array in _named(arrays, draw).items() if name != "file"})
    return stream.getvalue()


def parquet_of(content: bytes, draw: Random) -> bytes:
    """Change columns, and write a valid checksum where there was one."""
    try:
        table = pq.read_table(pa.BufferReader(content))
        table.to_pylist()
    except Exception:  # noqa: BLE001  it was mutated before
        return bytes_of(content, draw)
    if not table.num_columns:
        return bytes_of(content, draw)
    name, kind = draw.choice(table.column_names), draw.randrange(8)
    at = table.column_names.index(name)
    values = table.column(name).to_pylist()
    metadata = table.schema.metadata or {}
    if kind == 0:
        table = table.drop_columns([name])
    elif kind == 1:
        table = table.rename_columns(
            [draw.choice(("label", "path", "x", name)) if one == name else one for one in table.column_names]
        )
    elif kind == 2:
        table = table.slice(0, draw.randrange(table.num_rows + 1))
    elif kind == 3 and values:
        values[draw.randrange(len(values))] = None
        table = table.set_column(at, table.schema.field(at).with_nullable(True), pa.array(values, table.schema.field(at).type))
    elif kind == 4 and metadata:
        key = draw.choice(list(metadata))
        table = table.replace_schema_metadata(metadata | {key: json_of(metadata[key], draw)})
    elif kind == 5:
        table = table.set_column(at, name, pa.array([draw.choice(TEXTS[:9]) for _ in values], pa.string()))
    elif kind == 6:
        table = table.set_column(at, name, pa.array([draw.choice(FLOATS) for _ in values], pa.float64()))
    else:
        table = pa.concat_tables([table, table])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    written = sink.getvalue().to_pybytes()
    return _sealed(written) if b"headstart-xxh3:" in content else written


def _sealed(content: bytes) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_sealed(Path(folder) / "table", content)
        return (Path(folder) / "table").read_bytes()


def tar_of(content: bytes, draw: Random) -> bytes:
    """Rename, retype, resize, repeat or drop a member, or change its content."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            members = [(one, archive.extractfile(one).read() if one.isreg() else b"") for one in archive.getmembers()]  # type: ignore[union-attr]
    except Exception:  # noqa: BLE001  it was mutated before
        return bytes_of(content, draw)
    if not members:
        return bytes_of(content, draw)
    at, kind = draw.randrange(len(members)), draw.randrange(6)
    member, data = members[at]
    if kind == 0:
        member.name = draw.choice(
            ("x", "../x.png", "/x.png", "a/b/c.png", "1.2.3.png", "", "x" * 300, "\u202e.png", member.name + ".json", ".cls")
        )
    elif kind == 1:
        member.type = draw.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE))
        member.linkname = draw.choice(("/etc/passwd", "x", ""))
        data = b""
    elif kind == 2:
        data = mutation_for(member.name)(data, draw)
    elif kind == 3:
        members.insert(draw.randrange(len(members)), (member, data))
    elif kind == 4:
        members = [one for place, one in enumerate(members) if place != at] or members
    else:
        data = draw.choice((b"", b"\xff\xfe", b"0" * 100_000, b"[" * 10_000))
    members = [(member, data) if one is member else (one, other) for one, other in members]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if content[:2] == b"\x1f\x8b" else "w") as archive:
        for one, other in members:
            one.size = len(other)
            archive.addfile(one, io.BytesIO(other))
    return stream.getvalue()


class _Hostile:
    """Pickled, it is a call that ends in an error where a reader runs it."""

    def __reduce__(self) -> Any:
        return int, ("a pickle ran code",)


def pickle_of(content: bytes, draw: Random) -> bytes:
    """Change what is pickled."""
    try:
        values = pickle.loads(content, encoding="bytes")
        assert isinstance(values, dict) and values  # noqa: PT018
    except Exception:  # noqa: BLE001  it was mutated before
        return bytes_of(content, draw)
    name, kind = draw.choice(list(values)), draw.randrange(6)
    if kind == 0:
        values.pop(name)
    elif kind == 1:
        values = draw.choice((list(values), None, 3, {1: values}))
    elif kind == 2:
        values[name] = _Hostile()
    elif isinstance(values[name], np.ndarray):
        values[name] = _array(values[name], draw)
    else:
        values[name] = _changed(values[name], draw)
    return pickle.dumps(values, draw.choice((2, 4)))


OF_SUFFIX: dict[str, Mutation] = {
    ".json": json_of,
    ".toml": text_of,
    ".csv": text_of,
    ".tsv": text_of,
    ".jsonl": text_of,
    ".txt": text_of,
    ".sha256": text_of,
    ".safetensors": safetensors_of,
    ".npz": npz_of,
    ".parquet": parquet_of,
    ".tar": tar_of,
    ".gz": tar_of,
}


def mutation_for(name: str) -> Mutation:
    """The mutation that knows the format of a file of that name."""
    if "batch" in name:
        return pickle_of
    return OF_SUFFIX.get(Path(name).suffix, bytes_of)


def mutated(name: str, content: bytes, draw: Random) -> bytes:
    """The content of a file after one to three mutations, of which about one in three only knows bytes."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        content = (bytes_of if draw.random() < 0.35 else mutation_for(name))(content, draw)
    return content
