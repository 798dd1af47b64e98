"""Methods whose losses use a batch in every way that there is: three processes give the losses of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("program_of_methods.py")
KINDS = [
    "domain_coral",
    "jan",
    "delta",
    "mix_match",
    "free_match",
    "dino",
    "sim_mim",
    "stoch_norm",
    "mix_style",
    "bi_tuning",
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def losses(in_processes: Callable[..., list[Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """By the number of processes and the method, the losses of each step."""
    found = {}
    for count in (1, 3):
        out = tmp_path_factory.mktemp(f"on-{count}")
        answers = in_processes(count, PROGRAM, out, *KINDS)
        assert {answer.code for answer in answers} == {0}, answers
        found[count] = json.loads((out / "losses.json").read_text())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_method_has_the_same_losses_on_three_processes(kind: str, losses: dict[int, dict[str, Any]]) -> None:
    alone, divided = losses[1][kind], losses[3][kind]
    assert len(divided) == len(alone) >= 3
    for one, other in zip(alone, divided, strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-4)
