"""Mutated files of every kind that is read: values or one sentence come of them, soon, in little memory.

`HEADSTART_FUZZ_CASES=1000 pytest -s tests/fuzzing` tries more of them and prints the counts; CI does.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinds import MAKERS, Kind, run_made

from headstart.core.errors import HeadstartError

CASES = int(os.environ.get("HEADSTART_FUZZ_CASES", "40"))
MOST_SECONDS = 10
"""Of processor time for one case."""
MOST_BYTES = 2**30
"""The peak of the memory of this process may rise by so much: what it holds before is that of other tests."""
CORPUS = Path(__file__).parent / "corpus"
"""KIND/NUMBER/FILE: files that once ended in something else than values or a sentence, and a valid one of each format."""
BYTES_OF_UNIT = 1 if sys.platform == "darwin" else 1024


class HangError(BaseException):
    """A case took too long."""


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    """Damage is told in warnings of the log; numbers out of range warn, which a user may see."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    return run_made(tmp_path_factory.mktemp("run"))


@pytest.fixture
def kind(request, run_folder, tmp_path) -> Kind:
    return MAKERS[request.param](tmp_path / "kind", run_folder)


def outcome(kind: Kind, name: str, content: bytes) -> str:
    """What came of another content of one file."""

    def hanging(*_: object) -> None:
        raise HangError(f"{name} took {MOST_SECONDS} s")

    before = signal.signal(signal.SIGPROF, hanging)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.try_with(name, content)
    except HeadstartError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than a sentence: {error}") from error
        return "refused"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return "read"


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_OF_UNIT


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", MAKERS, indirect=True)
def test_what_is_read_ends_in_values_or_a_sentence(kind, capsys):
    counts: Counter[str] = Counter()
    slowest, before = [0.0], peak_bytes()
    kind.use(kind.home)

    @settings(max_examples=CASES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def one(draw: Random) -> None:
        name, content = kind.mutated(draw)
        begun = time.process_time()
        counts[outcome(kind, name, content)] += 1
        slowest[0] = max(slowest[0], time.process_time() - begun)

    one()
    assert peak_bytes() - before < MOST_BYTES
    assert counts.total() >= CASES // 2  # hypothesis may draw fewer where it drew the same ones
    if "HEADSTART_FUZZ_CASES" in os.environ:
        with capsys.disabled():
            peak = peak_bytes() / 2**20
            print(f"\n{kind.name}: {counts.total()} cases, {dict(counts)}, slowest {slowest[0]:.2f} s, peak {peak:.0f} MiB")


@pytest.mark.parametrize("kind", [name for name in MAKERS if (CORPUS / name).is_dir()], indirect=True)
def test_what_was_found_before_stays_mended(kind):
    for case in sorted((CORPUS / kind.name).iterdir()):
        for path in [path for path in case.rglob("*") if path.is_file()]:
            outcome(kind, path.relative_to(case).as_posix(), path.read_bytes())
