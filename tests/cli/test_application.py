"""The command line as such: what it lists, how it refuses, how fast it answers."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

import headstart
from headstart.cli import _application as application
from headstart.core.catalog import Catalog
from headstart.core.errors import DataError

COMMANDS = application.COMMANDS.names()


def fails_with(error: BaseException):
    def command() -> None:
        """Fail."""
        raise error

    return command


@pytest.fixture
def failing(monkeypatch):
    """Makes `headstart datasets` fail with an error."""

    def replace(error: BaseException) -> None:
        original, commands = Catalog.get, application.COMMANDS
        commands.get("datasets")
        command = fails_with(error)
        command.__module__ = "headstart.cli.datasets"
        monkeypatch.setattr(
            Catalog, "get", lambda self, name: command if (self, name) == (commands, "datasets") else original(self, name)
        )

    return replace


def test_the_interface_s_commands_are_there():
    named = {
        "run",
        "inspect",
        "rank",
        "decide",
        "fit",
        "evaluate",
        "predict",
        "report",
        "compare",
        "models",
        "methods",
        "datasets",
        "runs",
    }
    assert named <= set(COMMANDS)


def test_help_lists_every_command_in_80_columns(headstart_command):
    answer = headstart_command("--help")
    assert answer.code == 0
    assert all(f" {name} " in answer.out for name in COMMANDS)
    assert max(map(len, answer.out.splitlines())) <= 80


def parts_of(name):
    """A command by itself, or with each of its parts."""
    function = application.COMMANDS.get(name)
    parts = getattr(sys.modules[function.__module__], "SUBCOMMANDS", {})
    return [f"{name} {part}" for part in parts] or [name]


@pytest.mark.parametrize("words", [words for name in COMMANDS for words in parts_of(name)])
def test_every_command_explains_itself(headstart_command, words):
    answer = headstart_command(*words.split(), "--help")
    assert answer.code == 0
    assert answer.err == ""
    assert f"headstart {words}" in answer.out
    assert "--json" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_version(headstart_command):
    assert headstart_command("--version") == (0, f"headstart {headstart.__version__}\n", "")


def test_an_unknown_command_names_the_nearest(headstart_command):
    expected = 'error: "predcit" is not a command. Did you mean "predict"? `headstart --help` lists all.\n'
    assert headstart_command("predcit") == (2, "", expected)


def test_a_missing_argument_is_refused_in_one_sentence(headstart_command):
    assert headstart_command("inspect") == (2, "", "error: Missing argument 'DATA'. `headstart inspect --help` shows how.\n")


def test_an_unknown_option_is_refused_in_one_sentence(headstart_command):
    answer = headstart_command("run", "--minute", "3")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith("error: No such option: --minute")


def test_no_command_shows_the_help_and_fails(headstart_command):
    answer = headstart_command()
    assert answer.code == 2
    assert "Usage: headstart" in answer.out + answer.err


def test_a_user_s_error_is_one_sentence(headstart_command, failing):
    failing(DataError("flowers/ is empty. Put images there."))
    assert headstart_command("datasets") == (2, "", "error: flowers/ is empty. Put images there.\n")


def test_a_refusal_by_the_system_is_one_sentence(headstart_command, failing):
    failing(PermissionError(13, "Permission denied", "/root/x"))
    assert headstart_command("datasets") == (2, "", "error: /root/x: Permission denied. Free the place or name another.\n")


def test_an_interruption_says_that_work_is_kept(headstart_command, failing):
    failing(KeyboardInterrupt())
    expected = "stopped. Everything finished so far is kept; the same command continues from there.\n"
    assert headstart_command("datasets") == (130, "", expected)


def test_a_defect_is_not_hidden(failing):
    failing(ZeroDivisionError("a defect"))
    with pytest.raises(ZeroDivisionError):
        application.main(["datasets"])


@pytest.mark.slow
def test_help_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from headstart.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'torchvision', 'timm', 'numpy', 'scipy', 'sklearn', 'pydantic', 'pyarrow', 'PIL', 'jinja2'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_headstart_imports_nothing_heavy():
    program = "import sys, headstart; sys.exit(' '.join(sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules))) or 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_help_answers_within_a_second():
    def seconds() -> float:
        """Of the processor: a busy machine stretches the clock on the wall, not the work."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "headstart", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 1.0


def test_a_command_s_file_imports_no_library_above_core():
    for path in Path(application.__file__).parent.glob("[!_]*.py"):
        head = path.read_text(encoding="utf-8").split("def ", 1)[0]
        outside = [line for line in head.splitlines() if line.startswith(("from headstart.", "import headstart."))]
        assert all(line.startswith(("from headstart.cli", "from headstart.core")) for line in outside), path.name


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_no_types_of_python_and_each_argument_as_it_is_written(command, headstart_command):
    out = headstart_command(*command.split(), "--help").out
    assert [part for part in ("<bool>", "<str>", "<path>", "<int>", "[[") if part in out] == []
    usage = next(line for line in out.splitlines() if "Usage:" in line)
    assert "{" not in usage
    assert "......" not in usage


def test_the_usage_of_a_command_names_its_arguments(headstart_command):
    def usage(*words: str) -> str:
        return next(line.strip() for line in headstart_command(*words, "--help").out.splitlines() if "Usage:" in line)

    assert usage("run") == "Usage: headstart run [OPTIONS] [DATA]"
    assert usage("compare") == "Usage: headstart compare [OPTIONS] RUN RUN..."
    assert usage("fewshot", "enroll") == "Usage: headstart fewshot enroll [OPTIONS] GALLERY NAME IMAGE..."
    assert usage("fewshot") == "Usage: headstart fewshot [OPTIONS] COMMAND [ARGS]..."
