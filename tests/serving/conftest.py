"""A run on pictures of three colors, a service of it without a network, and clients that ask it."""

from __future__ import annotations

import importlib.util
import io
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.core.errors import PlanError

if importlib.util.find_spec("fastapi") is None:  # the extra "serve", which `dev` brings
    collect_ignore_glob = ["test_*.py"]

COLORS = {"blue": (30, 40, 210), "green": (20, 180, 40), "red": (200, 30, 30)}


def colored(name: str, seed: int = 0, side: int = 16) -> Image.Image:
    """A picture of one color, with noise."""
    noise = np.random.default_rng(seed).normal(0, 25, (side, side, 3))
    return Image.fromarray(np.clip(np.array(COLORS[name]) + noise, 0, 255).astype(np.uint8))


def encoded(color: str = "red", seed: int = 0, side: int = 16) -> bytes:
    """The bytes of a PNG file."""
    stream = io.BytesIO()
    colored(color, seed, side).save(stream, "PNG")
    return stream.getvalue()


def written(folder: Path, seed: int = 0, classes: tuple[str, ...] = tuple(COLORS)) -> Path:
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(11):
            colored(name, seed + number).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was fitted once; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("serving")
    return headstart.fit(written(folder / "colors"), method="ridge", pretrained="pixels", out=folder / "shades").folder


@pytest.fixture
def run_folder(made_run: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(made_run, tmp_path / "runs" / "shades"))


@pytest.fixture
def serving(made_run: Path) -> Iterator[Callable[..., Any]]:
    """Makes a client of a service of a run, with limits and what else the application takes."""
    from fastapi.testclient import TestClient

    from headstart.serving.application import application
    from headstart.serving.limits import Limits
    from headstart.serving.security import digests_of
    from headstart.serving.service import Service

    open_clients = []

    def make(
        *runs: Path,
        galleries: tuple[Path, ...] = (),
        limits: dict[str, Any] | None = None,
        service: dict[str, Any] | None = None,
        keys: Sequence[str] = (),
        **options: Any,
    ) -> Any:
        made = Service(runs or (() if galleries else (made_run,)), galleries, Limits(**limits or {}), **service or {})
        client = TestClient(application(made, digests_of(keys), **options), raise_server_exceptions=False)
        client.service = made
        open_clients.append(client.__enter__())
        return client

    yield make
    for client in open_clients:
        client.__exit__(None, None, None)


@pytest.fixture
def png() -> Callable[..., bytes]:
    """Makes the bytes of a picture of a color."""
    return encoded


@pytest.fixture
def picture() -> Callable[..., tuple[str, tuple[str, bytes]]]:
    """Makes a file of a form: a picture of a color, under a name."""
    return lambda color="red", name="a.png", seed=0: ("files", (name, encoded(color, seed)))


HERE, ON_RAY = "one process", "Ray Serve"
"""What answers in the tests of the HTTP contract: each is run against both."""
START_SECONDS = 900
"""A cluster and its first server start within a few seconds, and within minutes where all cores are busy."""


CONNECTING_SECONDS = 180.0


@cache
def clusters_of_tests() -> ModuleType:
    """The module that starts Ray clusters for tests; conftest files of other folders are not found by their names."""
    spec = importlib.util.spec_from_file_location("clusters_of_tests", Path(__file__).parents[1] / "cluster" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that ask for `server_of` against one process, and against Ray Serve where that is installed."""
    if "server_of" in metafunc.fixturenames:
        marks = [pytest.mark.slow, pytest.mark.timeout(START_SECONDS)]
        if importlib.util.find_spec("ray") is None:
            marks.append(pytest.mark.skip(reason="Ray is not installed"))
        else:
            marks += [pytest.mark.filterwarnings(text) for text in clusters_of_tests().FROM_RAY]
        metafunc.parametrize("server_of", [HERE, pytest.param(ON_RAY, marks=marks)], indirect=True)


def connected_at_last(stack: ExitStack, address: str) -> Any:
    """A connection to the cluster with that address, whose port answers late where all cores are busy.

    Ray's clients find free ports before they use them: two clusters of one machine may find the same, and one gets the other's.
    """
    import ray

    from headstart.cluster.connection import connected

    end = time.monotonic() + CONNECTING_SECONDS
    while True:
        with ExitStack() as own:
            try:
                connection = own.enter_context(connected("auto"))
                if ray.get_runtime_context().gcs_address == address:
                    stack.push(own.pop_all())
                    return connection
            except PlanError:
                if time.monotonic() > end:
                    raise
        time.sleep(1.0)


@pytest.fixture(scope="session")
def on_ray() -> Iterator[Callable[..., str]]:
    """Has two replicas on a Ray cluster answer by some options; returns the address. All of a session's tests share them."""
    from headstart.serving.on_cluster import ServerOnCluster, Told

    given = []
    with clusters_of_tests().started(num_nodes=1, num_cpus=2) as cluster, ExitStack() as stack:
        connection, server = connected_at_last(stack, cluster.address), None

        def answering(options: Any) -> str:
            nonlocal server
            if server is None:
                server = ServerOnCluster(connection, "127.0.0.1", 0, options.scale("2", 1.0))
            if given[-1:] != [options]:
                server.place(options.settings(), Told())
                given.append(options)
            return server.address

        yield answering
        if server is not None:
            server.remove()


@pytest.fixture
def ray_server_of(on_ray: Callable[..., str], made_run: Path) -> Iterator[Callable[..., Any]]:
    """Makes a client of a server of a run on Ray Serve, as `serving` does; nothing inside of the server can be reached."""
    import httpx2

    from headstart.serving.limits import Limits
    from headstart.serving.options import ServerOptions

    clients = []

    def make(
        *runs: Path,
        galleries: tuple[Path, ...] = (),
        limits: dict[str, Any] | None = None,
        service: dict[str, Any] | None = None,
        **options: Any,
    ) -> httpx2.Client:
        given = {"shown" if name == "folder" else name: value for name, value in (service or {}).items()}
        rules = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
        served = runs or (() if galleries else (made_run,))
        address = on_ray(ServerOptions(served, galleries, Limits(**limits or {}), **given, **rules))
        clients.append(httpx2.Client(base_url=address, timeout=60))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def server_of(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes a client of a server of a run: in one process as `serving`, and on Ray Serve."""
    found: Callable[..., Any] = request.getfixturevalue("serving" if request.param == HERE else "ray_server_of")
    return found
