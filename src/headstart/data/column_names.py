"""The headings under which people keep paths, labels and the rest in tables, and which column is meant by each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.data.split_names import SPLIT_NAMES

ALIASES: dict[str, tuple[str, ...]] = {
    "path": (
        *("file path", "file name", "file", "image path", "image name", "image file", "image", "img path", "img name", "img"),
        *("picture", "photo", "image id", "img id", "file id", "id code", "id", "name"),
    ),
    "label": (
        *("class name", "class label", "class", "classes", "label name", "category name", "category", "categories", "target"),
        *("species", "breed"),
    ),
    "split": ("set", "subset", "partition", "data set"),
    "group": ("group id", "patient", "patient id", "subject id"),
    "feature": ("embedding", "vector", "x"),
}
"""Other headings of each known column, by its name without a plural s, the most telling ones first. Case, spaces, hyphens,
underscores and a plural s do not matter. Sets on Kaggle, fastai, Keras and Hugging Face's image folders use them."""
NOTHING: Mapping[str, str] = MappingProxyType({})
LABEL_OF_EMBEDDINGS = "y"
"""The labels of an .npz file beside its `X`, as scikit-learn calls them."""


def columns_meant(
    names: Sequence[str], known: Iterable[str], place: str, cells_of: Callable[[str], Iterable[Any]]
) -> dict[str, str]:
    """The known name that each column's heading means, by the heading; headings that mean nothing are not in it.

    A known name itself wins over its other headings; of these the first in `ALIASES` is taken. A column of another heading is
    the split only where each of its cells, which `cells_of` returns, names one. Raises `DataError` where two columns have the
    same known name.
    """
    meant: dict[str, str] = {}
    for word in known:
        exact = [name for name in names if known_name(name, (word,))]
        if len(exact) > 1:
            raise DataError(f'{place}: has two columns called "{word}". Rename or remove one.')
        found = exact or _by_alias(names, word)
        if (
            found
            and not exact
            and word == "split"
            and not {str(cell).casefold() for cell in cells_of(found[0])} <= {*SPLIT_NAMES, ""}
        ):
            continue
        if found:
            meant[found[0]] = word
    return meant


def known_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that a heading is, without regard to case, outer white space and a plural s; or None."""
    plain = name.strip().casefold()
    return next((word for word in known if plain in {word, f"{word}s", word.removesuffix("s")}), None)


def heading_by_alias(names: Iterable[str], word: str) -> str:
    """The heading that means a known column by another name, the most telling one; empty where there is none."""
    return next(iter(_by_alias(list(names), word)), "")


def _by_alias(names: Sequence[str], word: str) -> list[str]:
    aliases = [*ALIASES.get(word.removesuffix("s"), ()), *([LABEL_OF_EMBEDDINGS] if word == "labels" else [])]
    plain = {_plain(name): name for name in reversed(names)}
    return [plain[key] for alias in aliases for key in (_plain(alias), f"{_plain(alias)}s") if key in plain]


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())


def renamed_columns(place: str, meant: dict[str, str], cells: Mapping[str, str] = NOTHING) -> tuple[Finding, ...]:
    """A finding that names the headings that are read as another column; none when every heading is the known name.

    `cells` says by heading what its cells mean, where they are words of their own.
    """
    others = {name: word for name, word in meant.items() if known_name(name, (word,)) is None}
    if not others:
        return ()
    pairs = ", ".join(f'"{name}" as {word}{f" ({cells[name]})" if name in cells else ""}' for name, word in others.items())
    title = f"Columns of {Path(place).name} are read by other headings: {pairs}."
    advice = "If another column is meant, call that one " + " or ".join(f'"{word}"' for word in others.values()) + "."
    return (Finding.info("columns-renamed", title, advice, columns=others),)
