"""What `pip install` brings: results do not depend on extras, and every extra that a message or page names exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOR_DEVELOPERS = {"dev", "docs", "benchmark"}


def _installed(environment: dict[str, str]) -> set[str]:
    """The packages that a plain installation brings on such a machine."""
    requirements = map(Requirement, PROJECT["dependencies"])
    return {one.name for one in requirements if one.marker is None or one.marker.evaluate(environment)}


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", True),
        ("linux", "riscv64", False),
        ("darwin", "arm64", True),
        ("win32", "AMD64", True),
        ("win32", "ARM64", False),
    ],
)
def test_openvino_is_installed_wherever_it_has_a_package(system: str, machine: str, expected: bool) -> None:
    found = _installed({"sys_platform": system, "platform_machine": machine})
    assert ("openvino" in found) == expected
    assert {"torch", "timm", "pot"} <= found


def test_all_brings_every_extra_but_those_for_developers() -> None:
    (everything,) = map(Requirement, EXTRAS["all"])
    assert everything.name == "headstart"
    assert everything.extras == set(EXTRAS) - FOR_DEVELOPERS - {"all"}


def test_every_extra_that_a_message_or_page_names_exists() -> None:
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.py")]
    named = {
        extra.strip()
        for file in files
        for extras in re.findall(r"headstart\[([a-z0-9, ]+)\]", file.read_text(encoding="utf-8"))
        for extra in extras.split(",")
    }
    assert "adapters" in named
    assert named <= set(EXTRAS)
