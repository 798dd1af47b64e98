"""Printable: texts, such as names of files, without the characters that move a terminal's cursor or the order of letters."""

from __future__ import annotations

import re

UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Controls but tabs and ends of lines, marks of direction, letters of no width but joiners, which scripts and emoji need, and
halves of surrogate pairs, which stand for bytes of names that are no text.

Reference: Boucher & Anderson, "Trojan Source: Invisible Vulnerabilities", USENIX Security 2023, section 4 (bidirectional marks).
"""


def printable(text: str) -> str:
    r"""A text whose unprintable characters are shown as Python writes them.

    >>> print(printable("a\x1b[2Jb\u202egpj.exe"))
    a\x1b[2Jb\u202egpj.exe
    """
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def on_one_line(text: str) -> str:
    r"""A text as part of a sentence: unprintable characters, tabs and ends of lines are shown as Python writes them.

    >>> print(on_one_line("a\r\nb"))
    a\r\nb
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text)


def printable_json(text: str) -> str:
    r"""A JSON document that means the same, whose unprintable characters are escaped as JSON has it.

    >>> print(printable_json('{"name": "b\u202egpj.exe"}'))
    {"name": "b\u202egpj.exe"}
    """
    return UNPRINTABLE.sub(_json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
