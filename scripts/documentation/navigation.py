"""The navigation: the sections of the index with the pages that each lists, and what belongs below one of these."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Entry = dict[str, Any]
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
LISTED = re.compile(r"^- \[([^\]]+)\]\(([^)]+)\)", re.MULTILINE)
HOME = {"en": "Home", "zh": "首页"}


def navigation(index: str, home: str, below: Mapping[str, list[Entry]]) -> list[Entry]:
    r"""What mkdocs takes as `nav`.

    Args:
        index: The text of the index, as it is on the site.
        home: The title of the index.
        below: Entries that follow a page within a section of their own.

    Returns:
        The index, then a section for each of its sections that lists pages.

    >>> navigation("## Use\n\n- [Serve](serve.md): by HTTP.", "Home", {"serve.md": [{"Limits": "limits.md"}]})
    [{'Home': 'index.md'}, {'Use': [{'Serve': ['serve.md', {'Limits': 'limits.md'}]}]}]
    """
    _, *parts = SECTION.split(index)
    sections = {title: LISTED.findall(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}
    return [{home: "index.md"}] + [
        {title: [{name: [place, *below[place]] if place in below else place} for name, place in listed]}
        for title, listed in sections.items()
        if listed
    ]
