"""Class names: in one spelling, ordered, quoted, and matched between places."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence, Set

import numpy as np

from headstart.core.errors import DataError
from headstart.core.types import UNLABELED, Integers


def canonical(name: str) -> str:
    """The name in Unicode's composed form, which is what typing it gives, without white space around it."""
    return unicodedata.normalize("NFC", name).strip()


def check_distinct(names: Iterable[str], place: str) -> None:
    """Refuse names that are no Unicode, or that differ in case or Unicode form only: on some systems those are one class."""
    seen: dict[str, str] = {}
    for name in sorted(set(names)):
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise DataError(f"{place}: the class name {name!r} is not valid Unicode. Rename it.")
        other = seen.setdefault(canonical(name).casefold(), name)
        if other != name:
            raise DataError(
                f"{place}: the classes {other!a} and {name!a} have the same name but for case or accents' form. Rename one."
            )


def aligned(places: Sequence[Set[str]]) -> list[dict[str, str]]:
    """The common name of each class, by the name it has in a place, for each place; the target's place comes first.

    Names that differ in case, spaces, hyphens or underscores are one class.
    Equal names are always one class. The first place that has a name decides its spelling. A place with two such names keeps
    both as they are.

    >>> aligned([{"Hot dog", "cat"}, {"hot_dog", "cat"}])[1] == {"hot_dog": "Hot dog", "cat": "cat"}
    True
    """
    known: dict[str, set[str]] = {}
    found = []
    for names in places:
        alike = Counter(_plain(name) for name in names)
        common = {}
        for name in names:
            spellings = known.get(_plain(name), {name})
            unclear = name in spellings or alike[_plain(name)] > 1 or len(spellings) > 1
            common[name] = name if unclear else next(iter(spellings))
        for name in common.values():
            known.setdefault(_plain(name), set()).add(name)
        found.append(common)
    return found


def natural_order(names: set[str]) -> tuple[str, ...]:
    """Names in the order that people expect: numbers by value, text by letter.

    >>> natural_order({"10", "9", "1"}), natural_order({"b10", "b9"})
    (('1', '9', '10'), ('b9', 'b10'))
    """

    def key(name: str) -> tuple[list[tuple[int, int, str]], str]:
        pieces = re.split(r"([0-9]+)", name)
        return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece.casefold()) for piece in pieces if piece], name

    return tuple(sorted(names, key=key))


def quoted(names: tuple[str, ...]) -> str:
    """The first ten names for a message, in quotes."""
    return ", ".join(f'"{name}"' for name in names[:10]) + (", ..." if len(names) > 10 else "")


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", canonical(name).casefold())


def labels_of(names: Iterable[str | None], classes: Sequence[str]) -> Integers:
    """The label of each row by its class name, int64 [sample]; -1 for None and for names that are not among the classes."""
    label = {name: index for index, name in enumerate(classes)}
    return np.array([UNLABELED if name is None else label.get(name, UNLABELED) for name in names], np.int64)
