"""Pages of the commands and of the public Python names, made from the program itself."""

from __future__ import annotations

import inspect
import re
from typing import Any

import typer
from scripts.documentation.tables import table

import headstart
from headstart.cli._application import Commands
from headstart.core.docstrings import described
from headstart.core.language import spoken

TEXTS = {
    "en": {
        "columns": ("option", "default", "meaning"),
        "commands": (
            "# Commands",
            "What `headstart COMMAND --help` says. Each command also has `--language` and `--help`.",
        ),
        "python": ("# Python", "Every name of the package `headstart`. Names load what they need when they are first used."),
        "headings": {"Args": "Arguments", "Returns": "Returns", "Raises": "Raises", "Attributes": "Attributes"},
        "verbs": "Functions",
        "records": "Classes",
    },
    "zh": {
        "columns": ("选项", "默认值", "含义"),
        "commands": (
            "# 命令",
            "`headstart COMMAND --help` 的内容。选项可以写在参数之前或之后。每条命令还有 `--language` 和 `--help`。",
        ),
        "python": ("# Python", "软件包 `headstart` 的全部名称。每个名称在首次使用时才载入所需的内容。说明为英文。"),
        "headings": {"Args": "参数", "Returns": "返回", "Raises": "异常", "Attributes": "属性"},
        "verbs": "函数",
        "records": "类",
    },
}
OF_ALL = {"language", "help"}
"""Options that every command has."""
MARK = re.compile(r"(?<!\\)\[/?(?:dim|bold|italic)\]")
SECTION = re.compile(r"^(Args|Returns|Raises|Attributes):\n((?: {4}.*\n?|\n)+)", re.MULTILINE)


def pages(language: str) -> dict[str, str]:
    """The two pages, by place. The language has to be the one that is spoken."""
    return {"commands.md": _commands(TEXTS[language]), "python.md": _python(TEXTS[language])}


def _commands(texts: dict[str, Any]) -> str:
    group = Commands(name="headstart")
    parts = [*texts["commands"]]
    for name in group.list_commands(None):
        parts += [
            f"## {name}",
            *_described(group.get_command(None, name), typer.Context(group, info_name="headstart"), name, texts),
        ]
    return "\n\n".join(parts) + "\n"


def _described(command: Any, above: Any, name: str, texts: dict[str, Any]) -> list[str]:
    """Usage, help, arguments and options of a command and of those below it."""
    context = typer.Context(command, parent=above, info_name=name)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = [_row(one) for one in command.get_params(context) if one.name not in OF_ALL]
    below = getattr(command, "commands", {})
    parts = [f"```text\n{usage}\n```", _plain(command.help or "")]
    parts += [table(texts["columns"], rows)] if rows else []
    for subcommand in below:
        parts += [f"### {name} {subcommand}", *_described(command.get_command(context, subcommand), context, subcommand, texts)]
    return parts


def _row(parameter: Any) -> tuple[str, str, str]:
    """How a parameter is given, its default, and its help."""
    is_option = parameter.param_type_name == "option"
    given = f"{', '.join(parameter.opts)} {parameter.metavar or ''}" if is_option else parameter.metavar
    default = parameter.default
    shown = is_option and parameter.show_default and isinstance(default, int | float | str) and default is not False
    return f"`{given.strip()}`", f"`{default}`" if shown and parameter.show_default is True else "", _plain(parameter.help or "")


def _plain(text: str) -> str:
    """A help in Markdown, in the language that is spoken; what rich makes faint stands in brackets already."""
    said = "\n\n".join(spoken().sentence(" ".join(one.split())) for one in MARK.sub("", text).split("\n\n"))
    return said.replace("\\[", "[").replace("\u200b", "")


def _python(texts: dict[str, Any]) -> str:
    names = {name: getattr(headstart, name) for name in headstart.__all__ if not name.startswith("_")}
    functions = {name: value for name, value in names.items() if not inspect.isclass(value)}
    classes = {name: value for name, value in names.items() if inspect.isclass(value)}
    parts = [*texts["python"]]
    for title, members in ((texts["verbs"], functions), (texts["records"], classes)):
        parts.append(f"## {title}")
        for name, value in members.items():
            parts += [f"### headstart.{name}", f"```python\n{_signature(name, value)}\n```", *_sections(value, texts["headings"])]
    return "\n\n".join(parts) + "\n"


def _signature(name: str, value: Any) -> str:
    """The call with its arguments, one a line where they are many."""
    parameters = [
        one.replace(annotation=inspect.Parameter.empty)
        for one in inspect.signature(value).parameters.values()
        if one.name not in {"self", "cls"}
    ]
    line = f"headstart.{name}({', '.join(map(str, parameters))})"
    return line if len(line) <= 96 else f"headstart.{name}(\n    " + ",\n    ".join(map(str, parameters)) + ",\n)"


def _sections(value: Any, headings: dict[str, str]) -> list[str]:
    """A docstring in Markdown: its text, and lists of what each argument and attribute is."""
    text = inspect.cleandoc(inspect.getdoc(value) or "")
    parts = [SECTION.sub("", text + "\n").strip()]
    for heading, body in SECTION.findall(text + "\n"):
        listed = described(body)
        lines = [f"- `{name}`: {meaning}" for name, meaning in listed.items()] or [" ".join(body.split())]
        parts += [f"**{headings[heading]}**", "\n".join(lines)]
    return parts
