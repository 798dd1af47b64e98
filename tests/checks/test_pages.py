"""Every finding has a page."""

from __future__ import annotations

import re
from pathlib import Path

import headstart

SOURCE = Path(headstart.__file__).parent
PAGES = Path(__file__).parents[2] / "docs" / "findings"


def test_every_finding_code_in_the_source_has_a_page():
    codes = set()
    for path in SOURCE.rglob("*.py"):
        codes |= set(
            re.findall(
                r'(?:code=|_found\(|_note\(|Finding\.(?:info|warning)\()\s*"([a-z0-9-]+)"', path.read_text(encoding="utf-8")
            )
        )
    assert len(codes) >= 16
    assert sorted(codes - {page.stem for page in PAGES.glob("*.md")}) == []


def test_every_page_is_about_a_code_and_says_what_to_do():
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    for page in PAGES.glob("*.md"):
        content = page.read_text(encoding="utf-8")
        assert content.startswith(f"# {page.stem}\n")
        assert "## What to do" in content
        assert f'"{page.stem}"' in text, f"no finding has the code {page.stem}"
