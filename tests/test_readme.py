"""The two READMEs say the same, and every command line in the documentation is one that the program takes."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer

import headstart
from headstart.cli import _application as application

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


def command_lines(text: str) -> list[str]:
    shown = [line for kind, body in BLOCK.findall(text) if kind == "console" for line in body.splitlines()]
    inline = SPAN.findall(prose(text))
    return [line for line in shown + inline if line.startswith("headstart ")]


ALL_COMMANDS = sorted({line for page in PAGES for line in command_lines(page.read_text(encoding="utf-8"))})


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


@pytest.mark.parametrize("line", ALL_COMMANDS)
def test_every_documented_command_line_is_taken(line):
    words = shlex.split(line)[1:]
    command_words = [word.strip("[]") for word in words]
    if command_words[0].startswith("-"):
        assert command_words[0] in {"--help", "--version"}
        return
    name, *rest = command_words
    assert name in application.COMMANDS.names(), f"{line}: no such command"
    filled = [word.replace("M", "5") if rest[index - 1] == "--minutes" else word for index, word in enumerate(rest)]
    arguments = [word for word in filled if word not in {"DATA", "DIR", "NAME", "RUN", "PATH", "NEW_IMAGES"}]
    placeholders = [word for word in filled if word not in arguments]
    built = application.Commands(name="headstart").get_command(None, name)
    try:
        context = built.make_context(name, [*arguments, *placeholders], resilient_parsing=False)
    except typer.Exit:
        assert "--help" in rest
        return
    assert context.command.name == name


def test_the_parser_of_documented_commands_refuses_an_option_that_is_not_there():
    with pytest.raises(application.UsageError):
        test_every_documented_command_line_is_taken("headstart run flowers/ --nonsense 3")


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
