"""What mkdocs runs before it builds: pages are laid out by language below build/, with generated ones, links and navigation."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # mkdocs loads this file by its path

from scripts.documentation import interface, methods  # noqa: E402
from scripts.documentation.navigation import HOME, navigation  # noqa: E402
from scripts.documentation.places import LANGUAGES, outside_of_code, relinked, sources  # noqa: E402

from headstart.core.language import speaking  # noqa: E402

LAID_OUT = ROOT / "build" / "pages"
"""Where the pages lie by language; `docs_dir` is set to it."""
LOOKS = ("style.css", "favicon.svg")
"""Files beside this one that give the site its looks."""
GENERATED = {
    "en": "## Reference\n\n- [Methods](methods/index.md): each with its needs, settings and measured figures.\n"
    "- [Commands](commands.md): every option.\n- [Python](python.md): every function and class.\n",
    "zh": "## 参考\n\n- [方法](methods/index.md)：每种方法的需要、设置和测量结果。\n- [命令](commands.md)：全部选项。\n"
    "- [Python](python.md)：全部函数和类。\n",
}
"""The section of the index about generated pages."""
BROKEN = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])")
"""A line that ends within Chinese; a browser would show a gap there."""
OTHER_LANGUAGE = re.compile(r"\[(?:中文|English)\]\([^)]+\)")
"""The first line of a page that is there in both languages; the site has a menu in its place."""
UNTRANSLATED = '!!! note ""\n\n    这一页还没有中文版。\n'


def on_config(config: Any) -> Any:
    """Lay the pages out once, and set where they are and the navigation of the language that is built."""
    plugin = config.plugins["i18n"]
    language = plugin.current_language or plugin.default_language
    if language == plugin.default_language:
        lay_out()
    index = (LAID_OUT / language / "index.md").read_text(encoding="utf-8")
    pages = sorted((LAID_OUT / language / "findings").glob("*.md"))
    findings = [{page.stem: f"findings/{page.name}"} for page in pages if page.stem != "index"]
    config.docs_dir = str(LAID_OUT)
    config.nav = navigation(index, HOME[language], {methods.LIST: methods.below(), "findings/index.md": findings})
    return config


def lay_out() -> None:
    """Write all pages of all languages; those that are as they were stay untouched, and others go."""
    made = {Path(name): Path(__file__).with_name(name).read_text(encoding="utf-8") for name in LOOKS}
    for language in LANGUAGES:
        with speaking(language):
            generated = methods.pages(language) | interface.pages(language)
        own = {place: _page(place, name, language) for place, name in sources(language).items()}
        made |= {Path(language, place): text for place, text in (own | generated).items()}
    for page in [page for page in LAID_OUT.rglob("*") if page.is_file() and page.relative_to(LAID_OUT) not in made]:
        page.unlink()
    for place, text in made.items():
        page = LAID_OUT / place
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")


def _page(place: str, name: str, language: str) -> str:
    """A page of the repository as the site has it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if not name.endswith(".md"):
        return text
    first, _, rest = text.partition("\n")
    text = rest.lstrip("\n") if OTHER_LANGUAGE.fullmatch(first) else text
    text = relinked(text, name, place)
    text = outside_of_code(text, lambda part: BROKEN.sub("", part)) if language == "zh" else text
    if place == "index.md":
        before, last, after = text.rpartition("\n## ")
        text = f'<div class="home" markdown>\n\n{before}\n\n{GENERATED[language]}{last}{after}\n</div>\n'
    return f"{UNTRANSLATED}\n{text}" if language == "zh" and "zh" not in name else text
