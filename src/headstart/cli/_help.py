"""Help of commands: without the types of Python, and in the language that is spoken; and the option that says which that is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from headstart.cli._wrapping import breakable, without_marks
from headstart.core.language import VARIABLE, speak, spoken

OF_TYPER = {
    "ARGUMENTS_PANEL_TITLE": "Arguments",
    "OPTIONS_PANEL_TITLE": "Options",
    "REQUIRED_LONG_STRING": "required",
    "DEFAULT_STRING": "default: ",
}
"""Texts that Typer puts into a help, by the names of its variables; the last two stand in brackets."""
USAGE = "Usage: "
OWN_HELP = "Show this message and exit."
LANGUAGE = inspect.Parameter(
    "language",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help=f"Language of what is said and of reports: en or zh. [dim]\\[{VARIABLE}, or en][/dim]",
            show_default=False,
        ),
    ],
)
"""The option that every command has. `PlainHelp` acts on it; the functions of commands do not see it."""


def with_language(function: Callable[..., None]) -> Callable[..., None]:
    """The function of a command with the option `--language`."""

    @functools.wraps(function)
    def called(*, language: str | None, **given: Any) -> None:
        function(**given)

    signature = inspect.signature(function, eval_str=True)
    called.__signature__ = signature.replace(parameters=[*signature.parameters.values(), LANGUAGE])  # type: ignore[attr-defined]
    return called


def in_paragraphs(text: str | None) -> str:
    """A help, each paragraph in the language that is spoken; what was translated before stays as it is."""
    language = spoken()
    keys = {one: " ".join(one.split()) for one in inspect.cleandoc(text or "").split("\n\n")}
    return "\n\n".join(breakable(language.gettext(key)) if language.has(key) else one for one, key in keys.items())


@contextmanager
def _spoken_by_typer() -> Iterator[None]:
    """Inside, what Typer itself puts into a help is in the language that is spoken."""
    from typer import rich_utils

    before = {name: getattr(rich_utils, name) for name in OF_TYPER}
    try:
        for name, text in OF_TYPER.items():
            translated = spoken().gettext(text)
            wanted = {"REQUIRED_LONG_STRING": f"[{translated}]", "DEFAULT_STRING": f"[{translated}{{}}]"}
            setattr(rich_utils, name, wanted.get(name, translated))
        yield
    finally:
        for name, text in before.items():
            setattr(rich_utils, name, text)


class PlainHelp:
    """For a command or a group: help in the language that is spoken, with plain types and arguments worded as their metavars."""

    help: str | None

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters; a flag and an argument show no type."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            param.help = in_paragraphs(param.help)
            if param.param_type_name == "argument":
                param.display_type_rich = lambda ctx: None
            elif getattr(param, "is_flag", False):
                param.metavar = ""
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What is left of the arguments. The language is known before anything is said, wherever its option stands."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))  # type: ignore[attr-defined]
        if given.get(LANGUAGE.name) is not None:
            speak(given[LANGUAGE.name])
        left: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        return left

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words after the command in the first line of its help."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        arguments = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]
        words = iter([param.metavar for param in arguments])
        return [piece if piece in {"[OPTIONS]", "COMMAND [ARGS]..."} else next(words, None) or piece for piece in pieces]

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the first line of a help."""
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), prefix=spoken().gettext(USAGE))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        self.help = in_paragraphs(self.help)
        with _spoken_by_typer(), without_marks():
            super().format_help(ctx, formatter)  # type: ignore[misc]


class PlainCommand(PlainHelp, TyperCommand):
    """A command with plain help."""


class PlainGroup(PlainHelp, TyperGroup):
    """A group of subcommands with plain help."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The subcommand of that name, with its help in the language that is spoken; None where there is none."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            command.help = in_paragraphs(command.help)
        return command
