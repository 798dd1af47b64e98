"""Parsing: JSON and TOML, read in one place, within limits, so that no text ends in anything but values or one sentence."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from headstart.core.checksums import KEY, checksum_of_values
from headstart.core.errors import OTHER_CONTENT, DamagedError, PlanError
from headstart.core.printable import printable_json

MOST_BYTES = 2**27
"""Of a JSON file: two thousand times the largest record of a run on 60,000 images. Chosen, not measured."""
MOST_BYTES_OF_TOML = 2**20
"""Of a plan, which takes 1 to 20 kB. Chosen, not measured: `tomllib` needs a second for this much."""
MOST_DEPTH = 100
"""Lists and tables inside each other. Records nest ten deep, and a lineage two for each pretraining before it; Python itself ends
at about a thousand. Chosen, not measured."""
LARGEST_INTEGER = 2**64
"""Integers are smaller, and larger than its negative: seeds, sizes in bytes and hashes have up to 64 bits."""
RESTORE = "Restore or delete it."
MEND = "Mend that line."
CHANGED_PLAN = (
    "{path} was changed after headstart wrote it, so that it may not say how the run was made. Undo the change; or delete the "
    'line that begins with "# As headstart wrote it", and the plan is read as it is now. To fit another plan, copy this one '
    "elsewhere, change the copy and give it to `headstart fit`."
)
TOML_COMMENT = "# As headstart wrote it, xxh3:"
TOML_SEAL = re.compile(rf"^{TOML_COMMENT}(.*?)\s*$", re.MULTILINE)
"""The last line of what headstart writes. Comments and the order of values do not count; whoever deletes it says nothing."""
NO_TEXT = "not UTF-8 text"


def text_in(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """The text of a file; a `DamagedError` that names it where it is too large or no text, `OSError` where it cannot be read."""
    with path.open("rb") as stream:  # a link to a device has no size, and no end
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(most_bytes + 1) if size <= most_bytes else b""
    if max(size, len(content)) > most_bytes:
        raise DamagedError.of(path, f"it has {size or len(content):,} bytes, and at most {most_bytes:,} are read", RESTORE)
    try:
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise DamagedError.of(path, NO_TEXT, RESTORE) from None


def json_in(path: Path) -> Any:
    """The values in a JSON file; see `text_in` and `json_from`."""
    return json_from(text_in(path), str(path))


def json_table_in(path: Path) -> dict[str, Any]:
    """The names and values in a JSON file, without its checksum; see `json_in`, and a `DamagedError` where it holds no table."""
    values = json_in(path)
    if not isinstance(values, dict):
        raise DamagedError.of(path, "it holds no table of names and values", RESTORE)
    return values


def json_from(text: str | bytes, where: str) -> Any:
    """The values of a JSON text.

    Args:
        text: Of a file that headstart wrote.
        where: File that it comes from, for the message.

    Returns:
        The values; a table without its checksum.

    Raises:
        DamagedError: The text is no JSON, too deep, has too large an integer, or is not what its checksum says.
    """
    values = _json_values(text, where)
    if fault := _fault_of(values):
        raise DamagedError.of(where, fault, RESTORE)
    if isinstance(values, dict) and KEY in values:
        known = values.pop(KEY)
        if known != checksum_of_values(values):
            raise DamagedError.of(where, OTHER_CONTENT, RESTORE)
    return values


def json_by_others(text: str | bytes, where: str) -> Any:
    """The values of a JSON text that another program or a person wrote, where "checksum" is a name like any other.

    Args:
        text: Of a file, a message or a part of either.
        where: What it comes from, for the message.

    Returns:
        The values, with integers of any size that Python reads.

    Raises:
        DamagedError: The text is no JSON, or too deep.
    """
    values = _json_values(text, where)
    if fault := _fault_of(values, largest_integer=None):
        raise DamagedError.of(where, fault, RESTORE)
    return values


def _json_values(text: str | bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise DamagedError.of(where, _too_deep(), RESTORE) from None
    except UnicodeDecodeError:
        raise DamagedError.of(where, NO_TEXT, RESTORE) from None
    except ValueError as error:
        no_json = DamagedError(f"{where}: not valid JSON ({error}). {RESTORE}")
        no_json.reason = str(error)
        raise no_json from None


def json_text(values: dict[str, Any]) -> str:
    """The values as indented JSON text, behind the checksum by which `json_from` knows them."""
    plain = json.loads(json.dumps(values))
    return json_document({KEY: checksum_of_values(plain), **plain})


def json_document(values: Any) -> str:
    """The values as indented JSON text, unprintable characters and bytes of names that are no text as escapes."""
    return printable_json(json.dumps(values, indent=2, ensure_ascii=False))


def json_line(values: dict[str, Any]) -> str:
    """As `json_text`, in one line that ends the line before the next."""
    plain = json.loads(json.dumps(values))
    return json.dumps({KEY: checksum_of_values(plain), **plain}) + "\n"


def toml_in(path: Path) -> dict[str, Any]:
    """The values in a TOML file, which a person may have changed; see `text_in` and `toml_from`."""
    return toml_from(text_in(path, MOST_BYTES_OF_TOML), str(path))


def written_toml_in(path: Path) -> dict[str, Any]:
    """As `toml_in`, of a file that nobody should change: a `DamagedError` where its checksum is not that of its values."""
    values = toml_in(path)
    if is_changed(path, values):
        changed = DamagedError(CHANGED_PLAN.format(path=path))
        changed.reason = OTHER_CONTENT
        raise changed
    return values


def is_changed(path: Path, values: dict[str, Any]) -> bool:
    """Whether a TOML file, whose values these are, holds others than were written; not where it holds no checksum."""
    known = TOML_SEAL.search(text_in(path, MOST_BYTES_OF_TOML))
    return known is not None and known[1] != checksum_of_values(values)


def sealed_toml(text: str) -> str:
    """A TOML text that ends in a comment with the checksum of its values, by which `is_changed` knows them."""
    return f"{text}\n{TOML_COMMENT}{checksum_of_values(tomllib.loads(text))}\n"


def toml_from(text: str, where: str) -> dict[str, Any]:
    """The values of a TOML text, which people write: it has no checksum; a `PlanError` that names `where` if it is none."""
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise PlanError(f"{where}: {_too_deep()}. {MEND}") from None
    except ValueError as error:
        raise PlanError(f"{where}: not valid TOML ({error}). {MEND}") from None
    if fault := _fault_of(values):
        raise PlanError(f"{where}: {fault}. {MEND}")
    return values


def _fault_of(values: Any, largest_integer: int | None = LARGEST_INTEGER) -> str:
    """What is beyond the limits; empty where nothing is. None stands for no limit of integers.

    It works without recursion, which deep values would end.
    """
    level, depth = [values], 0
    while level:
        if depth > MOST_DEPTH:
            return _too_deep()
        for value in level:
            if largest_integer is not None and type(value) is int and abs(value) >= largest_integer:
                return f"it has an integer of {value.bit_length():,} bits, and at most 64 are read"
        lists = [value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)]
        level, depth = [inner for values in lists for inner in values], depth + 1
    return ""


def _too_deep() -> str:
    return f"more than {MOST_DEPTH} lists and tables lie inside each other"
