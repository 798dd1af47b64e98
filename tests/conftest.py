"""What every test shares: one thread, a cache of its own, no colors, 80 columns, and the command line in process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["HEADSTART_QUIET"] = "1"
os.environ["HEADSTART_ENGINE"] = "torch-float32"  # exact, and no time is spent on choosing
os.environ["COLUMNS"] = "80"
for name in ("FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE", "HEADSTART_DATA"):
    os.environ.pop(name, None)
os.environ["NO_COLOR"] = "1"
os.fsync = lambda descriptor: None  # no power fails meanwhile, and thousands of small files are written

import pytest  # noqa: E402  the environment comes first
from hypothesis import HealthCheck, settings  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent / "doubles"))
from elsewhere import Elsewhere  # noqa: E402

# The same examples in every run, however slow the machine: nothing is kept beside the tests, and nothing is timed.
settings.register_profile("steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Ctrl-C reaches the tests of it also where the process was started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", autouse=True)
def _no_models_of_other_modules() -> Iterator[None]:
    """Models that one test module pretrains are no candidates in another."""
    yield
    shutil.rmtree(Path(os.environ["HEADSTART_CACHE"]) / "pretrained", ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup`, tests of one file run in one process, and all tests that start a Ray cluster in the same one.

    Clusters that start at the same time on one machine take the same ports, and a client may reach another one than its own.
    """
    for item in items:
        on_ray = (
            STARTS_RAY.intersection(getattr(item, "fixturenames", ()))
            or "Ray Serve" in item.name
            or "tests/cluster" in item.nodeid
        )
        if on_ray and item.get_closest_marker("slow") and os.environ.get("HEADSTART_TEST_RAY") != "1":
            item.add_marker(pytest.mark.skip(reason="starts Ray clusters: `make test-ray`, on a machine that does nothing else"))
        file = item.nodeid.partition("::")[0]
        together = "tests/faults" if file.startswith("tests/faults/") else file  # they prepare the same commands
        item.add_marker(pytest.mark.xdist_group("ray" if on_ray else together))


STARTS_RAY = {"start_cluster", "ray_cluster", "cluster_address", "ray_server_of", "on_ray"}
"""Fixtures that need a Ray cluster."""


def pytest_make_parametrize_id(val: object) -> None:
    """Refuses cases whose names could differ from one collection to the next, which workers in parallel would not agree on.

    A name made of compressed bytes holds the time of their making.
    """
    if isinstance(val, bytes) and not val.isascii():
        raise ValueError(f"Give the case {val!r} a name of its own, or make the value inside the test.")


class Answer(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def headstart_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs `headstart WORDS...` in this process."""
    from headstart.cli import main

    def call(*words: str | Path) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_of:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Answer(int(exit_of.value.code or 0), out, err)

    return call


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """The executor of the test: works run on copies of their arguments, as in another process, with a cache of its own."""
    from headstart.core.executing import executing_on

    with executing_on(Elsewhere(tmp_path_factory.mktemp("elsewhere"))) as chosen:
        yield chosen


PROCESS_SECONDS = 150


@pytest.fixture(scope="session")
def in_processes() -> Callable[..., list[Answer]]:
    """Runs `python WORDS...` in so many processes, which know each other as those of torchrun do; alone where it is one."""

    def run(count: int, *words: str | Path) -> list[Answer]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            fixed = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": probe.getsockname()[1]}
        programs = []
        for rank in range(count):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, **fixed}
            environment = os.environ | ({name: str(value) for name, value in place.items()} if count > 1 else {})
            command = [sys.executable, *map(str, words)]
            pipe = subprocess.PIPE
            programs.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
        try:
            said = [program.communicate(timeout=PROCESS_SECONDS) for program in programs]
        finally:
            for program in programs:
                program.kill()
        return [Answer(program.returncode, *each) for program, each in zip(programs, said, strict=True)]

    return run
