"""The same command with the same seed, given twice on one machine: the same bytes in every file, but for what was measured."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from commands_repeated import COMMANDS, NOTHING_WRITTEN, QUICK, Twice, given_twice, written_by

from headstart.cli import _application as application
from headstart.runs.repetition import MEASURED, Measured, differing_files, without_measured

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SAID = Measured("", frozenset({"seconds"}), "", "Seconds, where a command prints them.")
PAGES = re.compile(
    r"[\d.,]+ (ms|s|min|h|GB)\b"  # a time, or the peak memory
    r"|(width|left):[\d.]+%"  # the bar of a time
    r"|(?<=TIME</td><td class=\"n\">)\d+%"  # the share of a time in all of them
)
"""What is measured in pages for people."""

RARE = {f"steps/{step}-*.json" for step in ("circular", "pool", "refit", "trained")}
"""Steps that none of these commands needs."""


def masked(page: Path) -> str:
    """The text of a page without what was measured."""
    text = page.read_text(encoding="utf-8")
    return PAGES.sub("TIME", PAGES.sub("TIME", text))


def differences(twice: Twice, name: str) -> list[str]:
    """The files of a command's results that differ in more than what was measured."""
    first, second = (place / written_by(name) for place in twice)
    if not first.is_dir():
        same = _told(first) == _told(second) if first.suffix == ".json" else first.read_bytes() == second.read_bytes()
        return [] if same else [first.name]
    pages = [page for page in sorted(first.rglob("*")) if page.suffix in (".html", ".md")]
    changed = [str(page) for page in pages if masked(page) != masked(second / page.relative_to(first))]
    return [*differing_files(first, second), *changed]


def _told(path: Path) -> object:
    return without_measured(path.read_bytes(), SAID)


@pytest.fixture(scope="module")
def twice(tmp_path_factory) -> Twice:
    return given_twice(tmp_path_factory.mktemp("repeated"), tuple(COMMANDS))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_given_twice_writes_the_same_bytes(twice, name):
    assert differences(twice, name) == []


@pytest.mark.parametrize("name", QUICK)
def test_few_commands_given_twice_write_the_same_bytes(tmp_path_factory, name):
    assert differences(given_twice(tmp_path_factory.mktemp("quick"), (name,)), name) == []


def test_every_command_is_given_twice_or_has_a_reason():
    given = {words.split()[0] for words in COMMANDS.values()}
    assert given | set(NOTHING_WRITTEN) == set(application.COMMANDS.names())
    assert not given & set(NOTHING_WRITTEN)


def test_a_difference_of_one_bit_is_found(twice, tmp_path):
    copy = tmp_path / "fit"
    for path in sorted((twice.first / "fit").rglob("*")):
        target = copy / path.relative_to(twice.first / "fit")
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert differing_files(twice.first / "fit", copy) == []
    rng = np.random.default_rng(0)
    for path in (path for path in sorted(copy.rglob("*")) if path.suffix in (".safetensors", ".parquet", ".toml", ".txt")):
        content = bytearray(path.read_bytes())
        place = int(rng.integers(len(content)))
        content[place] ^= 1
        path.write_bytes(bytes(content))
        assert differing_files(twice.first / "fit", copy) == [path.relative_to(copy).as_posix()]
        content[place] ^= 1
        path.write_bytes(bytes(content))


def test_every_kind_of_measured_value_is_met(twice):
    names = [path.relative_to(twice.first).as_posix().partition("/")[2] for path in twice.first.rglob("*")]
    unmet = [one.files for one in MEASURED if not any(fnmatchcase(name, one.files) for name in names)]
    assert set(unmet) <= RARE
