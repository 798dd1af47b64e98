"""What the site is made of: places, links, navigation, figures, and pages from the code."""

from __future__ import annotations

import doctest
import re

import pytest
from scripts.documentation import figures, interface, methods, navigation, places, tables

import headstart
from headstart.cli._application import COMMANDS
from headstart.core.language import speaking
from headstart.methods import METHODS


@pytest.mark.parametrize("module", [figures, navigation, tables], ids=lambda module: module.__name__)
def test_examples_of_docstrings_run(module):
    found = doctest.testmod(module)
    assert (found.attempted > 0, found.failed) == (True, 0)


def test_chinese_pages_stand_in_for_english_ones():
    english, chinese = places.sources("en"), places.sources("zh")
    assert set(english) == set(chinese)
    assert (english["tutorial.md"], chinese["tutorial.md"]) == ("docs/tutorial.md", "docs/zh/tutorial.md")
    assert (english["readme.md"], chinese["readme.md"]) == ("README.md", "README.zh-CN.md")
    assert english["changelog.md"] == chinese["changelog.md"] == "CHANGELOG.md"


@pytest.mark.parametrize(
    ("name", "place", "link", "expected"),
    [
        ("docs/serve.md", "serve.md", "speed.md", "speed.md"),
        ("docs/zh/numbers.md", "numbers.md", "../serve.md#limits", "serve.md#limits"),
        ("docs/zh/findings/leakage.md", "findings/leakage.md", "../../sources.md", "../sources.md"),
        ("README.md", "readme.md", "docs/findings/leakage.md", "findings/leakage.md"),
        ("README.zh-CN.md", "readme.md", "docs/zh/numbers.md", "numbers.md"),
        ("docs/index.md", "index.md", "../CHANGELOG.md", "changelog.md"),
        ("README.md", "readme.md", "LICENSE", "license.txt"),
        ("docs/index.md", "index.md", "findings.md", "findings/index.md"),
        ("docs/findings.md", "findings/index.md", "findings/leakage.md", "leakage.md"),
        ("docs/index.md", "index.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("docs/index.md", "index.md", "#language", "#language"),
    ],
)
def test_links_lead_to_the_same_page_on_the_site(name, place, link, expected):
    assert places.relinked(f"[a]({link})", name, place) == f"[a]({expected})"


def test_links_in_code_stay():
    text = "```python\nx = a[0](serve.md)\n```\n[a](../README.md)"
    assert places.relinked(text, "docs/index.md", "index.md") == text.replace("../README.md", "readme.md")


def test_a_link_to_a_file_that_is_no_page_is_refused():
    with pytest.raises(
        ValueError, match=r"^docs/a\.md has a link to pyproject\.toml, which is no page of the site\. Add it to OTHERS"
    ):
        places.relinked("[a](../pyproject.toml)", "docs/a.md", "a.md")


def test_a_method_is_found_in_rows_and_in_columns_and_beside_ridge():
    by_row = figures.Table("a.md", "A", (("method", "x"), ("ridge", "1"), ("`tim` (all)", "2"), ("ridge on pixels", "3")))
    assert by_row.about("tim") == (("method", "x"), ("ridge", "1"), ("`tim` (all)", "2"))
    assert by_row.about("knn") == ()
    by_column = figures.Table("a.md", "A", (("set", "ridge", "lp_ft, 12 epochs", "knn"), ("digits", "1", "2", "3")))
    assert by_column.about("lp_ft") == (("set", "ridge", "lp_ft, 12 epochs"), ("digits", "1", "2"))
    in_words = figures.Table("a.md", "A", (("method", "idea"), ("`tim`", "mutual information")))
    assert in_words.about("tim") == ()


def test_many_methods_have_measured_figures():
    measured = {kind for kind in METHODS.names() if any(table.about(kind) for table in figures.tables())}
    assert {"ridge", "self_training", "jan", "proto_net", "lp_ft", "mix_style"} <= measured
    assert len(measured) > 50


def test_every_method_has_a_page_with_its_settings():
    with speaking("en"):
        pages = methods.pages("en")
    assert set(pages) == {methods.LIST, *map(methods.place_of, METHODS.names())}
    page = pages["methods/fix_match.md"]
    assert "\n**Needs:** labeled rows, and unlabeled pictures of the same classes.\n" in page
    assert "| `threshold` | `0.95` | number > 0, <= 1" in page.replace(" exclusive", "") or "| `threshold` |" in page
    assert "headstart fit DATA --method fix_match -o RUN" in page
    listed = [place for entry in methods.below() for members in entry.values() for one in members for place in one.values()]
    assert sorted(listed) == sorted(set(pages) - {methods.LIST})


def test_every_command_and_every_public_name_is_described():
    with speaking("en"):
        pages = interface.pages("en")
    headings = re.findall(r"^## (\w+)$", pages["commands.md"], re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS.names())
    assert "| `--minutes M` |" in pages["commands.md"]
    named = re.findall(r"^### headstart\.(\w+)$", pages["python.md"], re.MULTILINE)
    assert sorted(named) == sorted(name for name in headstart.__all__ if not name.startswith("_"))
    assert "- `seed`: " in pages["python.md"]
