"""A run on pictures of three colors, a service of it without a network, and clients that ask it."""

from __future__ import annotations

import importlib.util
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headstart

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
    from headstart.serving.service import Service

    open_clients = []

    def make(
        *runs: Path,
        galleries: tuple[Path, ...] = (),
        limits: dict[str, Any] | None = None,
        service: dict[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        made = Service(runs or (() if galleries else (made_run,)), galleries, Limits(**limits or {}), **service or {})
        client = TestClient(application(made, **options), raise_server_exceptions=False)
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
