"""Pages of methods, made from their classes: what they do, what they need, their settings, and their measured figures."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from scripts.documentation.figures import tables
from scripts.documentation.tables import table

import headstart
from headstart.cli.methods import FURTHER, allowed, written
from headstart.core.docstrings import paragraphs
from headstart.core.language import spoken
from headstart.methods import METHODS
from headstart.workflows.methods import family_of

FOLDER = "methods"
LIST = f"{FOLDER}/index.md"
TEXTS = {
    "en": {
        "list": "Methods",
        "intro": "How what a network has learned elsewhere is adapted to your images. Methods with a star are tried by "
        "`headstart run` by itself; any other is fitted by name. A method from another package is described by "
        "`headstart methods NAME` where it is installed. These pages are made from the classes.",
        "columns": ("method", "what it does", "cost", "needs"),
        "by name": "By name",
        "tried": "`headstart run` tries it by itself.",
        "untried": "`headstart run` does not try it by itself; name it.",
        "needs": "Needs",
        "nothing": "labeled images",
        "cost": "Cost",
        "settings": "Settings",
        "setting columns": ("`--set method.KEY=`", "default", "allowed", "meaning"),
        "figures": "Measured",
        "from": "From",
    },
    "zh": {
        "list": "方法",
        "intro": "如何让网络在别处学到的东西适应您的图片。带星号的方法由 `headstart run` 自行尝试；其他方法需要指名拟合。"
        "来自其他软件包的方法，安装后可用 `headstart methods NAME` 查看。这些页面由方法的类生成；没有译文的句子保持英文。",
        "columns": ("方法", "作用", "代价", "需要"),
        "by name": "指名使用",
        "tried": "`headstart run` 会自行尝试。",
        "untried": "`headstart run` 不会自行尝试；请指名使用。",
        "needs": "需要",
        "nothing": "带标签的图片",
        "cost": "代价",
        "settings": "设置",
        "setting columns": ("`--set method.KEY=`", "默认值", "允许的值", "含义"),
        "figures": "测量结果",
        "from": "来自",
    },
}
"""What is said around the texts of the classes, in each language."""


def pages(language: str) -> dict[str, str]:
    """The list of all methods and a page for each, by place. The language has to be the one that is spoken."""
    cards = [one for name in METHODS.names() for one in headstart.methods(name)]
    return {LIST: _list(cards, TEXTS[language])} | {place_of(one["name"]): _page(one, TEXTS[language]) for one in cards}


def below() -> list[dict[str, Any]]:
    """The entries of the navigation below the list: the methods of each family."""
    families = {family: [kind for kind, one in METHODS.all().items() if family_of(one)[0] == family] for family in _families()}
    return [{family: [{kind: place_of(kind)} for kind in kinds]} for family, kinds in families.items()]


def place_of(kind: str) -> str:
    """Where the page of a method lies."""
    return f"{FOLDER}/{kind}.md"


def _families() -> dict[str, str]:
    """Families with what all of them do; those that need nothing but labeled images come first."""
    needs: dict[tuple[str, str], set[str]] = {}
    for method in METHODS.all().values():
        needs.setdefault(family_of(method), set()).update(method.needs)
    return dict(sorted(needs, key=lambda family: (bool(needs[family] & FURTHER), family)))


def _list(cards: list[dict[str, Any]], texts: dict[str, Any]) -> str:
    parts = [f"# {texts['list']}", texts["intro"]]
    for family, meaning in _families().items():
        rows = [
            (f"[`{one['name']}`]({one['name']}.md){' ★' * one['tried_by_run']}", _said(one["summary"]), *_terms(one))
            for one in cards
            if one["family"] == family
        ]
        parts += [f"## {family}", _said(" ".join(meaning.split())), table(texts["columns"], rows)]
    return "\n\n".join(parts) + "\n"


def _terms(card: dict[str, Any]) -> tuple[str, str]:
    """Cost and needs, in words."""
    return _said(card["cost"]), ", ".join(_said(need.replace("_", " ")) for need in card["needs"])


def _page(card: dict[str, Any], texts: dict[str, Any]) -> str:
    name, (cost, needs) = card["name"], _terms(card)
    tried = texts["tried" if card["tried_by_run"] else "untried"]
    parts = [
        f"# {name}",
        f"**{_said(card['summary'])}**",
        f"{texts['cost']}: {cost}. {texts['needs']}: {needs or texts['nothing']}. {tried}",
        "\n\n".join(filter(None, map(_marked, paragraphs(card["description"])))),
        f"## {texts['by name']}",
        f"```console\nheadstart fit DATA --method {name} -o RUN\nheadstart methods {name}\n```",
    ]
    rows = [
        (f"`{key}`", f"`{written(value.get('default', ''))}`", allowed(value), _said(value["description"]))
        for key, value in card["schema"]["properties"].items()
    ]
    parts += [f"## {texts['settings']}", table(texts["setting columns"], rows)] if rows else []
    figures = list(_figures(name, texts))
    return "\n\n".join([*parts, *([f"## {texts['figures']}", *figures] if figures else [])]) + "\n"


def _figures(kind: str, texts: dict[str, Any]) -> Iterator[str]:
    """What each published table says of the method, with the page that has the table."""
    for one in tables():
        rows = one.about(kind)
        if rows:
            yield f"{texts['from']} [{one.heading}]({posixpath.relpath(one.place, FOLDER)}):"
            yield table(rows[0], rows[1:])


def _marked(paragraph: str) -> str:
    """A paragraph in the language that is spoken; the word before the colon of "Helps: ..." is set off."""
    text = _said(paragraph)
    word, colon, rest = paragraph.partition(": ")
    return f"**{word}:** {_said(rest)}" if colon and word.isalpha() and text == paragraph else text


def _said(text: str) -> str:
    return spoken().sentence(text)
