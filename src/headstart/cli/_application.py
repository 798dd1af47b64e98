"""The application: commands found by their files, and one place that turns failures into sentences and exit codes."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer

import headstart
from headstart.cli._help import PlainCommand, PlainGroup, in_paragraphs, with_language
from headstart.cli._printing import told
from headstart.core.catalog import Catalog
from headstart.core.errors import HeadstartError, PlanError, did_you_mean
from headstart.core.language import ENGLISH, speaking, spoken
from headstart.core.launched import launched
from headstart.core.printable import printable
from headstart.core.progress import timed_command

INTERRUPTED = 130
STOPPED = "stopped. Everything finished so far is kept; the same command continues from there."

UsageError: Any = typer.BadParameter.__base__
"""Typer exports only this child of the class, and carries the class itself in a private package."""


def _is_command(value: Any) -> bool:
    return inspect.isfunction(value) and value.__name__ == value.__module__.rsplit(".", 1)[-1]


COMMANDS: Catalog[Callable[..., None]] = Catalog("headstart.cli", "command", _is_command)


def _place_in_help(name: str) -> tuple[int, str]:
    return int(getattr(sys.modules[COMMANDS.get(name).__module__], "POSITION", 100)), name


class Commands(PlainGroup):
    """A group whose commands are the files of this folder and those of plug-ins."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the help."""
        return sorted(COMMANDS.names(), key=_place_in_help)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None when there is none."""
        if cmd_name not in COMMANDS.names():
            return None
        command = _built(cmd_name)
        command.help = in_paragraphs(command.help)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Name and command that the arguments begin with, and the arguments after it; a PlanError where there is none."""
        name = args[0]
        if name not in COMMANDS.names():
            raise PlanError(f'"{name}" is not a command.{did_you_mean(name, COMMANDS.names())} `headstart --help` lists all.')
        return name, self.get_command(ctx, name), args[1:]


def _built(name: str) -> Any:
    function = COMMANDS.get(name)
    listed = getattr(sys.modules[function.__module__], "POSITION", 100) >= LISTS_FROM
    panel = spoken().gettext("Lists" if listed else "Commands")
    subcommands: dict[str, Callable[..., None]] = getattr(sys.modules[function.__module__], "SUBCOMMANDS", {})
    single = typer.Typer(
        name=name, cls=PlainGroup, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=bool(subcommands)
    )
    if not subcommands:
        single.command(name=name, cls=PlainCommand, rich_help_panel=panel)(with_language(function))
        return typer.main.get_command(single)
    single.callback(rich_help_panel=panel)(with_language(function))
    for subcommand, own in subcommands.items():
        single.command(name=subcommand, cls=PlainCommand)(with_language(own))
    return typer.main.get_command(single)


LISTS_FROM = 50
"""Commands from this position on list what there is."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headstart {headstart.__version__}")
        raise typer.Exit


def _options(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Make a classifier from a folder of images, and measure whether transfer learning helps.

    `headstart run DATA` does all steps; most other commands do one step each.
    """


def application() -> Any:
    """The command `headstart` as an object to call with arguments."""
    app = typer.Typer(
        cls=Commands,
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(with_language(_options))
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 success, 1 with findings or unreadable files, 2 unusable input, 130 interrupted."""
    # Read when torch is loaded. Threads that spin while they wait take a core from readers and other programs: on two cores
    # with one other program running, PyTorch then ran a network at 14 pictures a second, and at 100 with threads that sleep.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = None if arguments is None else list(arguments)
    with speaking():
        try:
            spoken()
        except PlanError as error:
            with speaking(ENGLISH):
                code = _refused(str(error))
        else:
            code = _code_among_processes(words)
    raise SystemExit(code)


def _code_among_processes(words: list[str] | None) -> int:
    """The exit code of a command, which the first of several processes runs; the others train with it."""
    try:
        place = launched()
        if place is None:
            return _code_of(words)
        from headstart.training.joining import all_processes

        with all_processes(place) as leads:
            return _code_of(words) if leads else 0
    except HeadstartError as error:
        return _refused(str(error))


def _code_of(words: list[str] | None) -> int:
    """The exit code of a command; what went wrong is said on stderr."""
    try:
        with timed_command():
            code = int(application()(args=words, prog_name="headstart", standalone_mode=False) or 0)
    except HeadstartError as error:
        return _refused(str(error))
    except UsageError as error:
        return _refused_usage(error)
    except OSError as error:
        return _refused(f"{error.filename or 'the system'}: {error.strerror or error}. Free the place or name another.")
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        told(STOPPED)
    return code


def _refused(sentence: str) -> int:
    head = spoken().gettext("error: ")
    word = head.rstrip()
    typer.echo(f"{typer.style(word, fg='red', bold=True)}{head[len(word) :]}{printable(spoken().sentence(sentence))}", err=True)
    return 2


def _refused_usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        return 2  # to make the error is to print the help
    path = error.ctx.command_path if getattr(error, "ctx", None) else "headstart"
    return _refused(f"{str(error.format_message()).rstrip('.')}. `{path} --help` shows how.")
