"""Class names as people tell them apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from headstart.core.errors import DataError


def canonical(name: str) -> str:
    """The name in Unicode's composed form, which is what typing it gives, without white space around it."""
    return unicodedata.normalize("NFC", name).strip()


def check_distinct(names: Iterable[str], place: str) -> None:
    """Refuse names that differ in case or Unicode form only: they are one class on some systems and two on others.

    Args:
        names: Names as they were found.
        place: Where, for the message.

    Raises:
        DataError: Two names collide, or a name cannot be written as Unicode.
    """
    seen: dict[str, str] = {}
    for name in sorted(set(names)):
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise DataError(f"{place}: the class name {name!r} is not valid Unicode. Rename it.")
        other = seen.setdefault(canonical(name).casefold(), name)
        if other != name:
            raise DataError(
                f"{place}: the classes {other!a} and {name!a} have the same name but for case or accents' form. Rename one."
            )
