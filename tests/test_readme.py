"""The two READMEs say the same, and links lead from page to page. tests/contracts/test_suggestions.py checks the commands."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

import headstart

ROOT = Path(__file__).parent.parent
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


def prose(text: str) -> str:
    return BLOCK.sub("", text)


def heading_levels(text: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(text), re.MULTILINE)]


def test_the_readmes_have_the_same_headings():
    assert heading_levels(ENGLISH) == heading_levels(CHINESE)
    assert len(heading_levels(ENGLISH)) > 8


def test_the_readmes_have_the_same_blocks():
    assert BLOCK.findall(ENGLISH) == BLOCK.findall(CHINESE)


def test_the_readmes_have_the_same_commands_options_and_files_in_every_section():
    def spans(text: str) -> list[list[str]]:
        return [sorted(set(SPAN.findall(section))) for section in re.split(r"^#+ ", prose(text), flags=re.MULTILINE)]

    assert spans(ENGLISH) == spans(CHINESE)


def test_the_readmes_have_the_same_tables_and_lists():
    def shape(text: str) -> list[str]:
        return re.findall(r"^(\||- |\d\.)", prose(text), re.MULTILINE)

    assert shape(ENGLISH) == shape(CHINESE)


@pytest.mark.parametrize("text", [body for kind, body in BLOCK.findall(ENGLISH) if kind == "python"])
def test_the_python_of_the_readme_uses_public_names_only(text):
    used = {
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "headstart"
    }
    assert used
    assert used <= set(headstart.__all__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_chinese_readme_keeps_to_its_terms_and_marks_english_pages():
    for wanted in ("您", "有待解答的问题", "置信区间", "沿用", "岭回归分类头", "置信度最高的误判", "图片"):
        assert wanted in CHINESE
    for other in ("你", "图像", "照片", "岭回归头", "最自信"):
        assert other not in CHINESE
    assert not re.search("(?<!置信)区间", CHINESE)
    assert len(LINK.findall(CHINESE)) >= 5
    assert wrongly_marked(ROOT / "README.zh-CN.md") == []


LINK = re.compile(r"\[[^\]]*\]\(([^)]+)\)(（英文）)?")


def is_chinese(place: Path) -> bool:
    return "zh" in place.relative_to(ROOT).parts or "zh-CN" in place.name


def wrongly_marked(page: Path) -> list[str]:
    """Links of a Chinese page whose mark is missing or wrong, and those to English pages that have a Chinese twin."""
    found = []
    for target, mark in LINK.findall(page.read_text(encoding="utf-8").split("\n", 1)[1]):
        place = (page.parent / target).resolve()
        in_chinese = ROOT / "docs" / "zh" / place.name
        if is_chinese(place) == bool(mark) or (place.parent == ROOT / "docs" and in_chinese.exists()):
            found.append(target)
    return found


IN_CHINESE = sorted((ROOT / "docs" / "zh").rglob("*.md"))
WITHOUT_CHINESE = 3
"""Pages below docs/ that may have no Chinese counterpart: what is written at the same time. Lower it when there are fewer."""


def test_pages_are_there_in_chinese():
    english = {page.relative_to(ROOT / "docs") for page in PAGES if ROOT / "docs" in page.parents and not is_chinese(page)}
    chinese = {page.relative_to(ROOT / "docs" / "zh") for page in IN_CHINESE}
    assert chinese <= english
    missing = sorted(map(str, english - chinese))
    assert len(missing) <= WITHOUT_CHINESE, f"translate them to docs/zh: {missing}"


@pytest.mark.parametrize("page", [page for page in IN_CHINESE if page.parent.name == "zh"], ids=lambda page: page.stem)
def test_a_chinese_page_keeps_all_code(page):
    def spans(place: Path) -> set[str]:
        return {" ".join(one.split()) for one in re.findall("`([^`]+)`", prose(place.read_text(encoding="utf-8")))}

    assert spans(ROOT / "docs" / page.name) - spans(page) == set()


@pytest.mark.parametrize("page", IN_CHINESE, ids=lambda page: page.stem)
def test_a_chinese_page_has_the_blocks_headings_and_tables_of_its_twin_and_leads_to_it(page):
    text, inside = page.read_text(encoding="utf-8"), page.relative_to(ROOT / "docs" / "zh")
    twin = ROOT / "docs" / inside
    up = "../" * len(inside.parts)
    assert text.startswith(f"[English]({up}{inside.as_posix()})\n")
    english = twin.read_text(encoding="utf-8")
    assert BLOCK.findall(text) == BLOCK.findall(english)
    assert heading_levels(text) == heading_levels(english)
    assert [line.count("|") for line in prose(text).splitlines() if line.startswith("|")] == [
        line.count("|") for line in prose(english).splitlines() if line.startswith("|")
    ]
    if len(inside.parts) == 1:
        assert english.startswith(f"[中文](zh/{inside})\n")


@pytest.mark.parametrize("page", IN_CHINESE, ids=lambda page: page.stem)
def test_a_chinese_page_keeps_to_the_terms_and_marks_english_pages(page):
    text = page.read_text(encoding="utf-8")
    assert [other for other in ("你", "图像", "照片", "岭回归头", "最自信") if other in text] == []
    assert not re.search("(?<!置信)区间", text)
    assert not re.search(r"[。，；：] (?!\|)", text)
    assert wrongly_marked(page) == []


def listed_in(index: str) -> set[str]:
    """The pages of docs/ that an index lists."""
    return {
        target.rpartition("/")[2]
        for target in re.findall(r"^- \[[^\]]+\]\(([^)]+\.md)\)", (ROOT / index).read_text(encoding="utf-8"), re.M)
    }


@pytest.mark.parametrize("index", ["docs/index.md", "docs/zh/index.md"])
def test_every_page_is_listed_in_the_index(index):
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    missing = sorted(pages - listed_in(index))
    assert missing == [], f"{index} lists no {', '.join(missing)}. Name each below the section where the site shall have it."


def test_every_finding_is_listed():
    listed = set(re.findall(r"\]\(findings/([\w-]+\.md)\)", (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")))
    assert {page.name for page in (ROOT / "docs" / "findings").glob("*.md")} == listed


def test_four_commands_lead_from_a_clone_to_a_prediction():
    first = next(body for kind, body in BLOCK.findall(ENGLISH) if kind == "console")
    commands = first.splitlines()
    assert len(commands) <= 4
    (run,) = [shlex.split(line) for line in commands if line.startswith("headstart run ")]
    (predict,) = [shlex.split(line) for line in commands if line.startswith("headstart predict ")]
    assert predict[2] == run[run.index("-o") + 1]
