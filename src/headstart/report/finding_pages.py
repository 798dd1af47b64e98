"""Pages about findings: what the documentation says of a finding's code, for the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).parents[3] / "docs" / "findings"
"""Where the pages lie in a checkout; the wheel has them in `headstart/findings`."""
HEADING = re.compile(r"^#+ .*$", re.MULTILINE)


class Explained(NamedTuple):
    """A page without its headings: what the finding means, why it matters, and what to do; parts may be empty."""

    meaning: tuple[str, ...]
    why: tuple[str, ...]
    do: tuple[str, ...]


@cache
def page_of_finding(code: str) -> Explained | None:
    """The page of a code, in paragraphs; None where it has none, as codes of plug-ins may."""
    for folder in (files("headstart").joinpath("findings"), CHECKOUT):
        page: Traversable = folder.joinpath(f"{code}.md")
        if page.is_file():
            return _explained(page.read_text(encoding="utf-8"))
    return None


def _explained(text: str) -> Explained:
    titles = HEADING.findall(text)
    sections = dict(zip(titles, HEADING.split(text)[1:], strict=True))
    meaning = sections.get(titles[0], "")
    return Explained(*map(_paragraphs, (meaning, sections.get("## Why it matters", ""), sections.get("## What to do", ""))))


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.replace("`", "").split()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())


def listed(value: Any) -> str:
    """What a finding has as evidence, as text: names with their values, and several values one after the other.

    >>> listed({"cat": 5, "dog": [0.123456, "a.png"]}), listed(["a", "b"]), listed(None)
    ('cat: 5; dog: 0.1235, a.png', 'a, b', '–')
    """
    if isinstance(value, Mapping):
        return "; ".join(f"{str(name).replace('_', ' ')}: {listed(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ("; " if any(isinstance(one, Mapping | list | tuple) for one in value) else ", ").join(map(listed, value))
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return str(value)
