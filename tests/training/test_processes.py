from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.core.errors import PlanError
from headstart.core.launched import Launched, launched, note_connected
from headstart.runs.workspace import Workspace
from headstart.training import processes

PROGRAM = Path(__file__).with_name("program.py")
EQUAL = ["plain", "distances", "dropout", "stochastic", "styles", "mixup", "sharp", "behind", "slices", "restarted"]
PLACE = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
InProcesses = Callable[..., list[Any]]
pytestmark = pytest.mark.slow


def codes(answers: list[Any]) -> list[int]:
    """Exit codes; what was said is shown where a test fails."""
    print(*(answer.err for answer in answers), sep="\n")
    return [answer.code for answer in answers]


def found(out: Path, name: str) -> dict[str, Any]:
    return json.loads((out / f"{name}.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def alone(in_processes: InProcesses, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    assert codes(in_processes(1, PROGRAM, out, *EQUAL, "sim_clr", "stopped")) == [0]
    return out


@pytest.fixture(scope="module")
def of_three(in_processes: InProcesses, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("three")
    names = [*EQUAL, "sim_clr", "stopped", "unsent", "differing"]
    assert codes(in_processes(3, PROGRAM, out, *names)) == [0, 0, 0]
    return out


@pytest.mark.parametrize("name", EQUAL)
def test_three_processes_give_the_losses_of_one_at_equal_batches(name: str, alone: Path, of_three: Path) -> None:
    expected, divided = found(alone, name), found(of_three, name)
    assert len(divided["losses"]) == len(expected["losses"]) >= 9
    assert divided["attempts"] == expected["attempts"]
    for one, other in zip(expected["losses"], divided["losses"], strict=True):
        assert other == pytest.approx(one, abs=2e-6)
    assert divided["state"] == pytest.approx(expected["state"], abs=1e-3)


def test_a_loss_over_two_views_of_the_whole_batch_is_that_of_one_process(alone: Path, of_three: Path) -> None:
    """The temperature of the loss lets rounding grow; means over shards of seven rows would differ by far more."""
    for one, other in zip(found(alone, "sim_clr")["losses"], found(of_three, "sim_clr")["losses"], strict=True):
        assert other == pytest.approx(one, abs=2e-3)


def test_a_fit_that_was_stopped_on_three_processes_goes_on_on_two_as_in_one(
    in_processes: InProcesses, alone: Path, of_three: Path, tmp_path: Path
) -> None:
    assert found(of_three, "stopped") == found(alone, "stopped") == {"stopped": 5}
    (tmp_path / "stopped").symlink_to(of_three / "stopped")
    assert codes(in_processes(2, PROGRAM, tmp_path, "resumed")) == [0, 0]
    resumed, expected = found(tmp_path, "resumed"), found(alone, "plain")
    assert len(resumed["losses"]) == 9
    for one, other in zip(expected["losses"], resumed["losses"], strict=True):
        assert other == pytest.approx(one, abs=2e-6)


def test_what_cannot_be_sent_or_is_computed_differently_is_said(of_three: Path) -> None:
    unsent = found(of_three, "unsent")["error"]
    assert unsent.startswith("The fit cannot be sent to other processes (")
    assert unsent.endswith("). Train in one process.")
    assert found(of_three, "differing")["error"] == (
        "Processes 0 and 1 computed different losses of the same batch (cross_entropy=1.10507 and 2.10507). "
        "Give every machine the same version of headstart and PyTorch, or train in one process."
    )


def test_a_lost_process_leaves_no_other_waiting(in_processes: InProcesses, tmp_path: Path) -> None:
    assert codes(in_processes(2, PROGRAM, tmp_path, "lost", "after")) == [0, 7]
    assert found(tmp_path, "lost")["error"] == found(tmp_path, "after")["error"] == processes.LOST
    assert processes.LOST == (
        "A process of the training was lost, or did not answer for 10 minutes. "
        "Start the same command again: it goes on from the last checkpoint."
    )


def test_processes_end_with_the_first_one(in_processes: InProcesses, tmp_path: Path) -> None:
    first, second = in_processes(2, PROGRAM, tmp_path, "left")
    assert (first.code, second.code) == (-9, 1)
    assert f"TrainingError: {processes.LOST}" in second.err


def test_who_started_a_process_is_read_from_all_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        assert launched() is None
        monkeypatch.setenv(name, "1")
    assert launched() is None
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert launched() == Launched(1, 4, 1, 1)
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(PlanError) as refused:
        launched()
    assert str(refused.value) == (
        "RANK=first, WORLD_SIZE=4, LOCAL_RANK=1, LOCAL_WORLD_SIZE=1: these have to be numbers. Start the processes with torchrun."
    )


def test_what_each_process_would_do_in_full_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refusal(call: Callable[[], object]) -> str:
        with pytest.raises(PlanError) as refused:
            call()
        return str(refused.value)

    for name, value in {**PLACE, "RANK": "1", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    said = (
        "This is process 1 of 2 that were started together, and each would run the whole program. "
        "Start `-m headstart` in this way, or let the first one run the program inside headstart.training.joining.all_processes."
    )
    assert refusal(lambda: Workspace(tmp_path / "run").claim_fit({})) == said
    assert refusal(processes.joined_by_others(()).__enter__) == said
    place = launched()
    assert place is not None
    note_connected(True, place)
    Workspace(tmp_path / "run").claim_fit({})
    with processes.joined_by_others(()):
        pass
    note_connected(False, place)
    assert refusal(processes.joined_by_others(()).__enter__) == said


def test_a_wrong_use_of_gpus_is_no_lost_process() -> None:
    wrong = "NCCL error: invalid usage. Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 1000"
    assert not processes._is_of_connection(RuntimeError(wrong))
    assert processes._is_of_connection(RuntimeError("NCCL error: remote process exited or there was a network error"))


def test_machines_that_cannot_do_it_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(local_count: int) -> str:
        with pytest.raises(PlanError) as refused:
            processes.check_machine(Launched(0, 4, 0, local_count))
        return str(refused.value)

    monkeypatch.setattr(processes.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(processes.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(processes.distributed, "is_nccl_available", lambda: False)
    assert refusal(4) == (
        "4 processes were started on this machine, which has 2 GPUs. "
        "Start one a GPU (--nproc_per_node 2), or hide them with CUDA_VISIBLE_DEVICES=."
    )
    assert refusal(2) == (
        "This build of PyTorch has no NCCL, which connects GPUs. Install another one, or hide the GPUs with "
        "CUDA_VISIBLE_DEVICES=."
    )
    monkeypatch.setattr(processes.distributed, "is_gloo_available", lambda: False)
    assert refusal(1) == ("This build of PyTorch has no gloo, which connects processes. Install another one, or run one process.")


def test_processes_that_do_not_come_are_named() -> None:
    said = (
        "import headstart.training.processes as p; p.MEETING = p.timedelta(seconds=1)\n"
        "from headstart.core.launched import Launched\n"
        "try: p.Processes.met(Launched(0, 2, 0, 2))\n"
        "except RuntimeError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", said],
        check=True,
        env=os.environ | PLACE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith("The 2 processes could not connect at 127.0.0.1:")
    assert done.stdout.endswith("). Start all of them with one torchrun, or name an address that every machine reaches.\n")
