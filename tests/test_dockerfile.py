"""The image of the server: who it runs as, what it keeps, how its health is asked, and that its command line is taken."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from headstart.cli import _application as application
from headstart.core.language import speaking

ROOT = Path(__file__).parents[1]
TEXT = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
INSTRUCTIONS = [tuple(line.split(maxsplit=1)) for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]
STARTS = [index for index, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM"]
LAST = INSTRUCTIONS[STARTS[-1] :]


def value_of(name: str) -> str:
    """The argument of an instruction of the last stage that stands there once."""
    (found,) = [text for one, text in LAST if one == name]
    return found


def command_line() -> list[str]:
    return [*json.loads(value_of("ENTRYPOINT")), *json.loads(value_of("CMD"))]


def test_what_builds_is_left_behind():
    assert len(STARTS) == 2
    assert [text.split()[0] for name, text in INSTRUCTIONS if name == "FROM"] == ["python:3.12-slim"] * 2
    assert [text for name, text in LAST if name == "COPY"] == ["--from=build /opt/headstart /opt/headstart"]


def test_the_server_runs_as_a_user_without_rights():
    names = [name for name, _ in LAST]
    assert value_of("USER") not in {"root", "0"}
    assert names.index("USER") < names.index("ENTRYPOINT")
    (made,) = [text for name, text in LAST if name == "RUN"]
    assert re.search(rf"useradd .*--uid [1-9]\d{{3,}} .*\b{value_of('USER')}$", made)


def test_the_command_line_is_one_that_is_taken():
    program, name, *rest = command_line()
    assert program == "headstart"
    command = application.Commands(name="headstart").get_command(None, name)
    with speaking():
        given = command.make_context(name, rest).params
    assert (given["host"], given["runs"]) == ("0.0.0.0", [Path("/runs/model")])
    assert value_of("EXPOSE") == str(given["port"])


def test_what_changes_lies_in_the_volume():
    volume = value_of("VOLUME")
    words = command_line()
    assert words[words.index("--corrections") + 1].startswith(f"{volume}/")
    assert re.search(rf"\bHEADSTART_CACHE={volume}/", value_of("ENV"))
    assert value_of("WORKDIR") == volume


def test_the_health_check_asks_an_address_of_the_server_that_needs_no_key():
    pytest.importorskip("fastapi")
    from headstart.serving.security import OPEN

    options, _, command = value_of("HEALTHCHECK").partition("CMD ")
    program = json.loads(command)[-1]
    compile(program, "health check", "exec")
    (port, path) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", program)[0]
    assert (port, path in OPEN) == (value_of("EXPOSE"), True)
    assert {"--interval=10s", "--timeout=5s", "--start-period=60s", "--retries=3"} == set(options.split())


def test_everything_that_the_build_copies_is_there_and_sent():
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    copied = [word for name, text in INSTRUCTIONS[: STARTS[-1]] if name == "COPY" for word in text.split()[:-1]]
    assert sorted(copied) == sorted(sent)
    assert [name for name in copied if not (ROOT / name).exists()] == []
