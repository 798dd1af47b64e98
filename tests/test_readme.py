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
    links = re.findall(r"\]\(([^)]+)\)(（英文）)?", CHINESE)
    assert len(links) >= 5
    assert [place for place, mark in links if not mark] == []


def test_every_page_is_linked_from_the_index_and_every_finding_from_its_list():
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"} == linked
    listed = set(re.findall(r"\]\(findings/([\w-]+\.md)\)", (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")))
    assert {page.name for page in (ROOT / "docs" / "findings").glob("*.md")} == listed


def test_four_commands_lead_from_a_clone_to_a_prediction():
    first = next(body for kind, body in BLOCK.findall(ENGLISH) if kind == "console")
    commands = first.splitlines()
    assert len(commands) <= 4
    (run,) = [shlex.split(line) for line in commands if line.startswith("headstart run ")]
    (predict,) = [shlex.split(line) for line in commands if line.startswith("headstart predict ")]
    assert predict[2] == run[run.index("-o") + 1]
