"""Every command on a disk that fails, killed, or without power, at each write: one sentence, nothing damaged, nothing made twice.

`HEADSTART_FAULTS=all pytest -s tests/faults` fails each write of each command once, an eighth of them after the other, evenly
spaced, and prints the counts so far after each; without it a few writes of each are taken.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from commands_made import COMMANDS, call
from disturbed import Ended
from failing_disk import DELETING, FULL, KILLED_AFTER, KILLED_BEFORE, ONCE, POWER_KEPT, POWER_LOST, READ_ONLY, Fault, watched
from prepared import Prepared

FAULTS = (FULL, ONCE, READ_ONLY, KILLED_BEFORE, KILLED_AFTER, POWER_LOST, POWER_KEPT)
EVERY = os.environ.get("HEADSTART_FAULTS") == "all"
FEW = 3
"""Points of a command that are taken where not all are; each command begins with another fault, so that all faults are met."""
EIGHTHS = 8
SLOW = {"run", "adjust", "pretrain", "search", "extend"}
DONE = re.compile(r'"red" is enrolled in out/run already|out/run holds no class "red"')
"""Said where the command that was killed had done its work."""


def faults_of(one: Prepared, at: int, fault: Fault) -> list[str]:
    """What is wrong with how a command takes a fault and goes on without it."""
    one.home.renew()
    ended = one.give(at, fault)
    said = [*_said_wrongly(ended, fault), *(one.home.faults() if not fault.power else one.home.faults_of_synced())]
    if fault in (FULL, ONCE) and one.points[at - 1].split()[0] not in DELETING:  # what cannot be deleted stays
        said += [f"left {path}" for path in one.home.leftovers()]
    finished = one.home.finished_steps()
    resumed = one.give()
    if resumed.code != 0 and not DONE.search(resumed.err):
        return [*said, f"does not go on: {resumed.code} {resumed.err[-2000:]}"]
    if again := finished & set(resumed.made):
        said.append(f"made again: {sorted(again)}")
    outcome = one.command.outcome(one.home.folder / "out" / "run")
    said += [f"another {name}" for name, value in one.outcome.items() if outcome[name] != value]
    return [*said, *_left_for_good(one)]


def _left_for_good(one: Prepared) -> list[str]:
    """What is damaged or half-written still, after the cache was verified where anything is."""
    if one.home.faults() or one.home.leftovers():
        mended = one.home.child(lambda: call("verify cache"))
        if mended.code not in (0, 1) or "Traceback" in mended.err:
            return [f"does not verify: {mended.code} {mended.err[-2000:]}"]
    return [*one.home.faults(), *(f"left for good {path}" for path in one.home.leftovers())]


def _said_wrongly(ended: Ended, fault: Fault) -> list[str]:
    """What is wrong with how a command ended: killed as meant, well in spite of the fault, or in one sentence that names it."""
    if fault.error is None:
        return [] if ended.code == -9 else [f"was not killed: {ended.code} {ended.err[-2000:]}"]
    if ended.code == 0:
        return []
    sentence = " ".join(line for line in ended.err.splitlines() if line.startswith("error: "))
    fine = ended.code == 2 and "Traceback" not in ended.err and re.search(r"written|space|disk|Free", sentence)
    return [] if fine else [f"ended with {ended.code}: {ended.err[-2000:]}"]


def chosen(num_points: int) -> list[int]:
    """The points that are taken, from 1 on."""
    if EVERY:
        return [at for first in range(1, EIGHTHS + 1) for at in range(first, num_points + 1, EIGHTHS)]
    return sorted({1 + round(place * (num_points - 1) / (FEW - 1)) for place in range(FEW)})


@pytest.mark.timeout(36_000)
@pytest.mark.parametrize(
    "prepared",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW or EVERY else []) for name in COMMANDS],
    indirect=True,
)
def test_a_failing_write_damages_nothing_and_repeats_nothing(prepared: Prepared, capsys):
    counts, wrong = Counter(), []
    first = list(COMMANDS).index(prepared.name)
    for number, at in enumerate(chosen(len(prepared.points))):
        fault = _fault_at(prepared, at, first + number)
        counts[fault.name] += 1
        found = [f"{fault.name} at {at}, {_place(prepared, at)}: {said}" for said in faults_of(prepared, at, fault)]
        wrong += found
        if EVERY:
            with capsys.disabled():
                _print(prepared, counts, wrong, found)
    assert not wrong, "\n".join(wrong)


def _print(prepared: Prepared, counts: Counter[str], wrong: list[str], found: list[str]) -> None:
    """What was just found, and the counts where an eighth is done."""
    for said in found:
        print(f"\n{prepared.name}: {said}", flush=True)
    done, total = counts.total(), len(prepared.points)
    if EIGHTHS * done // total > EIGHTHS * (done - 1) // total:
        print(f"\n{prepared.name}: {done} of {total} writes failed, {dict(counts)}: {len(wrong)} wrong", flush=True)


def _fault_at(prepared: Prepared, at: int, number: int) -> Fault:
    """Each in turn; where all points are taken, a kill after each file or folder that was synced."""
    return KILLED_AFTER if EVERY and prepared.points[at - 1].startswith("sync") else FAULTS[number % len(FAULTS)]


def _place(prepared: Prepared, at: int) -> str:
    return prepared.points[at - 1].replace(f"{prepared.home.folder.resolve()}/", "")


def test_the_disk_that_fails_is_met_where_a_file_is_written(tmp_path: Path):
    with watched([tmp_path], 2, FULL) as disk, pytest.raises(OSError, match="No space left"):
        (tmp_path / "file").write_bytes(b"12345678")
    assert [point.split()[0] for point in disk.points] == ["open", "write"]
    assert (tmp_path / "file").read_bytes() == b"1234"
