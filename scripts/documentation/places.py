"""Where a file of the repository lies on the site, and links from page to page."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en", "zh")
CHINESE = "docs/zh/"
OTHERS = {
    "README.md": "readme.md",
    "README.zh-CN.md": "readme.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/RESULTS.md": "results.md",
    "LICENSE": "license.txt",
    "NOTICE": "notice.txt",
}
"""Files outside of docs/ that the site has as well, and where."""
LISTS = {"findings.md": "findings/index.md"}
"""Pages of docs/ that list those in a folder, and are its index on the site."""
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?!https?://|mailto:|#)([^)#\s]+)(?=[)#])")


def sources(language: str) -> dict[str, str]:
    """The files of the site in a language: its place on the site, and in the repository. What has no Chinese is in English."""
    pages = [page.relative_to(ROOT).as_posix() for page in sorted((ROOT / "docs").rglob("*.md"))]
    own = [name for name in pages if not name.startswith(CHINESE)]
    translated = [name for name in pages if name.startswith(CHINESE)] if language == "zh" else []
    others = [name for name in OTHERS if ("zh-CN" in name) <= (language == "zh")]
    return {str(place_of(name)): name for name in (*own, *translated, *others)}


def place_of(name: str) -> str | None:
    """Where a file of the repository lies on the site, in each language; None where it does not."""
    folder, _, rest = name.partition("/")
    place = rest.removeprefix("zh/")
    return LISTS.get(place, place) if folder == "docs" and name.endswith(".md") else OTHERS.get(name)


def outside_of_code(text: str, change: Callable[[str], str]) -> str:
    """The text, changed wherever it is not a block of code."""
    return "".join(part if part.startswith("```") else change(part) for part in FENCED.split(text))


def relinked(text: str, name: str, place: str) -> str:
    """A page's text with the links as they have to be on the site.

    Args:
        text: Markdown.
        name: Where the page lies in the repository; its links start there.
        place: Where it lies on the site.

    Returns:
        The text with links from there.

    Raises:
        ValueError: A link leads to a file that the site does not have.
    """

    def there(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), found[1]))
        led_to = place_of(target)
        if led_to is None:
            raise ValueError(f"{name} has a link to {target}, which is no page of the site. Add it to OTHERS in {__name__}.")
        return posixpath.relpath(led_to, posixpath.dirname(place) or ".")

    return outside_of_code(text, lambda part: LINK.sub(there, part))
