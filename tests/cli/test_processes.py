from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
InProcesses = Callable[..., list[Any]]


def test_the_first_process_answers_and_the_others_are_silent(in_processes: InProcesses, tmp_path: Path) -> None:
    first, second = in_processes(2, "-m", "headstart", "fit", tmp_path / "none", "--method", "fine_tune")
    assert first.code == 2
    assert first.out == ""
    assert first.err.startswith(f'error: "{tmp_path}/none')
    assert second == (0, "", "")


def test_commands_without_training_run_in_the_first_process_alone(in_processes: InProcesses) -> None:
    first, second = in_processes(2, "-m", "headstart", "methods", "fine_tune")
    assert first.code == 0
    assert "fine_tune" in first.out
    assert second == (0, "", "")
