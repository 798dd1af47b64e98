"""From the wheel to a served model: the four commands of the tutorial, in an environment made for them.

    python -m scripts.four_commands

builds wheel and sdist, installs the wheel with all that it asks for into a new environment, runs the tutorial's commands on a
folder of pictures, and prints the seconds and the disk that each took. Nothing is shared with the environment that it is started
in but pip's cache.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
COLORS = {"daisy": (230, 220, 200), "rose": (200, 30, 60), "tulip": (220, 160, 30)}
OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
"""Variables that would let another installation in."""


def commands() -> list[list[str]]:
    """The words of the tutorial's first four commands."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    block = re.search(r"^## Four commands\n+```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    return [shlex.split(line) for line in block[1].splitlines()]


def write_pictures(folder: Path, num_images: int = 11, side: int = 16, seed: int = 7) -> None:
    """Write `flowers/` with three classes of noise about a color, `more/` with one picture, and `new.jpg`, a rose."""
    rng = np.random.default_rng(seed)

    def write(path: Path, color: tuple[int, int, int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        noisy = np.array(color) + rng.normal(0, 25, (side, side, 3))
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path)

    for name, color in COLORS.items():
        for number in range(num_images):
            write(folder / "flowers" / name / f"{number}.png", color)
    write(folder / "new.jpg", COLORS["rose"])
    write(folder / "more" / "tulip.png", COLORS["tulip"])


def build(folder: Path) -> tuple[Path, Path]:
    """Wheel and sdist of this tree; the wheel is made from the sdist. The build backend has to be installed."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], check=True, capture_output=True, text=True
    )
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def new_environment(folder: Path) -> Path:
    """The interpreter of a new, empty environment; pip works on it from outside."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def run_them(
    folder: Path, python: Path, wheel: Path, pip_options: Sequence[str] = (), run_options: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, tuple[float, float]]]:
    """Run the four commands.

    Args:
        folder: Where they are run; it has the pictures.
        python: The environment's interpreter.
        wheel: What takes the place of the wheel's name.
        pip_options: Options of pip.
        run_options: Further options of `headstart run`.

    Returns:
        What the server answered to the last one, and the seconds of each by the clock and of the processor; the server's not.
    """
    install, run, serve, ask = commands()
    outside = {name: value for name, value in os.environ.items() if name not in OF_PYTHON}
    here = {"cwd": folder, "env": {**outside, "HEADSTART_CACHE": str(folder / "cache")}, "text": True}
    seconds = {}

    def timed(words: Sequence[str]) -> str:
        start, before = time.perf_counter(), os.times()
        done = subprocess.run(words, capture_output=True, check=False, **here)
        after = os.times()
        busy = after.children_user + after.children_system - before.children_user - before.children_system
        seconds[" ".join(words[-4:])] = (time.perf_counter() - start, busy)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return str(done.stdout)

    timed([sys.executable, "-m", "pip", "--python", str(python), *install[1:-1], *pip_options, named(wheel, install[-1])])
    program = str(python.with_name(run[0]))
    timed([program, *run[1:], *run_options])
    with served([program, *serve[1:], "--port", "0"], here) as address:
        answer = json.loads(timed([*ask[:-1], ask[-1].replace("http://127.0.0.1:8000", address)]))
    return answer, seconds


def named(wheel: Path, word: str) -> str:
    """The wheel with the extras of the tutorial's word."""
    return f"{wheel}{word[word.index('[') :]}"


@contextmanager
def served(words: Sequence[str], here: Mapping[str, Any]) -> Iterator[str]:
    """The address of a server that runs meanwhile; it is the second word of the first line that it prints."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **here) as server:
        try:
            assert server.stdout is not None
            lines = iter(server.stdout.readline, "")
            yield next(line.split()[1] for line in lines if line.startswith("Address"))
        finally:
            server.terminate()


def main() -> None:
    """Do all of it with nothing shared, and print what it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        wheel, sdist = build(folder / "dist")
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(
            f"build: {time.perf_counter() - start:.1f} s; {wheel.name} {wheel.stat().st_size / 1e6:.1f} MB, {sdist.name} ", end=""
        )
        print(f"{sdist.stat().st_size / 1e6:.1f} MB")
        write_pictures(folder)
        answer, seconds = run_them(folder, new_environment(folder / "environment"), wheel)
        size = sum(file.stat().st_size for file in (folder / "environment").rglob("*") if file.is_file())
        for words, (taken, busy) in seconds.items():
            print(f"{taken:7.1f} s by the clock, {busy:6.1f} s of the processor: {words.replace(str(folder), '.')}")
        print(f"environment: {size / 1e9:.2f} GB; answer: {answer['predictions'][0]['label']}")


if __name__ == "__main__":
    main()
