from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def answers(count: int, *words: str) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of `headstart WORDS...` in each of so many processes that were started together."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    programs = []
    for rank in range(count):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port}
        environment = os.environ | {name: str(value) for name, value in place.items()} | {"MASTER_ADDR": "127.0.0.1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        programs.append(subprocess.Popen([sys.executable, "-m", "headstart", *words], env=environment, **pipes))  # type: ignore[call-overload]
    said = [program.communicate(timeout=150) for program in programs]
    return [(program.returncode, *each) for program, each in zip(programs, said, strict=True)]


def test_the_first_process_answers_and_the_others_are_silent(tmp_path: Path) -> None:
    first, second = answers(2, "fit", str(tmp_path / "none"), "--method", "fine_tune")
    assert first[0] == 2
    assert first[1] == ""
    assert first[2].startswith(f'error: "{tmp_path}/none')
    assert second == (0, "", "")


def test_commands_without_training_run_in_the_first_process_alone() -> None:
    first, second = answers(2, "methods", "fine_tune")
    assert first[0] == 0
    assert "fine_tune" in first[1]
    assert second == (0, "", "")
