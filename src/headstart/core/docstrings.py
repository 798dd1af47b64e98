"""Docstrings as data: paragraphs without the line breaks of the source, and what is said of each attribute."""

from __future__ import annotations

import inspect
import re


def description_of(cls: type) -> str:
    """The class's docstring without its attributes."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n\nAttributes:\n")[0]


def attributes_of(cls: type) -> dict[str, str]:
    """What the docstrings of a class and of its bases say of each attribute; a class has the last word over its bases."""
    sections = (inspect.cleandoc(vars(one).get("__doc__") or "").partition("\n\nAttributes:\n")[2] for one in cls.__mro__)
    return {name: text for section in reversed(tuple(sections)) for name, text in described(section).items()}


def paragraphs(text: str) -> list[str]:
    r"""The paragraphs, each on one line; a line that starts with a word and a colon starts a paragraph of its own.

    >>> paragraphs("One\ntwo.\n\nNeeds: labels.\nHelps: always.")
    ['One two.', '', 'Needs: labels.', 'Helps: always.']
    """
    blocks = [re.split(r"\n(?=[A-Z]\w+: )", block) for block in re.split(r"\n\s*\n", text.strip())]
    joined = [[" ".join(part.split()) for part in block] for block in blocks]
    return [line for block in joined for line in ["", *block]][1:]


def described(section: str) -> dict[str, str]:
    r"""What an "Attributes:" section says of each name.

    >>> described("    k: Number of\n        neighbors.\n    side: Pixels.")
    {'k': 'Number of neighbors.', 'side': 'Pixels.'}
    """
    entries = re.split(r"^ {4}(\w+): ", section, flags=re.MULTILINE)[1:]
    return {name: " ".join(text.split()) for name, text in zip(entries[::2], entries[1::2], strict=True)}
