"""Commands that were given once without a fault, in a process that has imported all they need."""

from __future__ import annotations

import contextlib
import io
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from commands_made import COMMANDS, Command, call, write_data
from disturbed import Ended, Home
from failing_disk import ONCE, Fault


class Prepared(NamedTuple):
    """A command that was given once without a fault.

    Attributes:
        name: Of the command.
        command: The command.
        home: Where it is given.
        points: Its points.
        outcome: What came of it.
    """

    name: str
    command: Command
    home: Home
    points: list[str]
    outcome: dict[str, Any]

    def give(self, at: int = 0, fault: Fault = ONCE) -> Ended:
        return self.home.child(lambda: call(self.command.words), at, fault)


def prepared_in(root: Path, name: str) -> Prepared:
    """The command, warm: all that it imports is imported before processes are forked."""
    command = COMMANDS[name]
    home = Home(root / "home", root / "template")
    (root / "warm").mkdir()
    write_data(root / "warm")
    shutil.copytree(root / "warm", root / "home")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(root / "warm")
        patch.setenv("HEADSTART_CACHE", str(root / "warm" / "cache"))
        for words in (*command.before, command.words):
            with contextlib.suppress(SystemExit):
                call(words)
    for words in command.before:
        made = home.child(lambda words=words: call(words))
        assert made.code == 0, made.err
    shutil.copytree(root / "home", root / "template", ignore=shutil.ignore_patterns("notes.json", "err.txt"))
    home.renew()
    whole = home.child(lambda: call(command.words))
    assert whole.code == 0, whole.err
    return Prepared(name, command, home, whole.points, command.outcome(home.folder / "out" / "run"))
