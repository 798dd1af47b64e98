"""PO files: the entries of a gettext catalog, read as translators write it, so that nothing has to be compiled."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from headstart.core.errors import DataError

LINE = re.compile(r'(?:(msgid_plural|msgid|msgstr(?:\[\d\])?) +)?("(?:[^"\\]|\\.)*")')
PATTERN = "python-brace-format"


@dataclass(frozen=True)
class Message:
    """An entry of a catalog.

    Attributes:
        original: The text in English, for one where it depends on a number.
        plural: That for many; empty where it does not depend on a number.
        translations: One, or one for each plural form.
        is_pattern: Whether names in braces stand for text.
    """

    original: str
    plural: str
    translations: tuple[str, ...]
    is_pattern: bool


def messages_in(text: str, name: str) -> tuple[Message, ...]:
    """The translated entries of a catalog; its header and entries without a translation are left out.

    Args:
        text: The catalog. An empty line ends an entry.
        name: Of the file, for the DataError about a line that is no part of one.

    Returns:
        In the order of the file.
    """
    entries: list[Message] = []
    fields: dict[str, str] = {}
    key, is_pattern = "", False
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.startswith("#"):
            is_pattern = is_pattern or (line.startswith("#,") and PATTERN in line)
        elif line:
            found = LINE.fullmatch(line)
            if found is None or not (found[1] or key):
                raise DataError(f"{name}: line {number} is no part of a PO entry: {line}")
            key = found[1] or key
            fields[key] = fields.get(key, "") + json.loads(found[2])
        elif fields:
            entries += _entry(fields, is_pattern)
            fields, key, is_pattern = {}, "", False
    return tuple(entries)


def _entry(fields: dict[str, str], is_pattern: bool) -> list[Message]:
    translations = tuple(value for key, value in fields.items() if key.startswith("msgstr") and value)
    if not fields.get("msgid") or not translations:
        return []
    return [Message(fields["msgid"], fields.get("msgid_plural", ""), translations, is_pattern)]
