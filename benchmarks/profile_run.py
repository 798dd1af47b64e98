"""A profile of `headstart run`: py-spy's samples of the main thread by stage, and within extraction by function.

The command runs with an empty cache. py-spy samples every thread many times a second, idle or not. The samples of the main
thread add up to the wall time; those of the reading threads show the load of reading. py-spy must be allowed to trace its own
child.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.protocol import arguments, empty_cache, show

SAMPLES_A_SECOND = 50

STAGES = (
    ("reading the data", "data/reading.py"),
    ("reading the data", "data/sources/"),
    ("inspecting", "checks/inspection.py"),
    ("ranking", "planning/ranking/"),
    ("deciding", "planning/deciding/"),
    ("adapting", "planning/adapting/"),
    ("fitting", "planning/fitting.py"),
    ("evaluating", "evaluation/protocols.py"),
    ("report", "report/"),
    ("workflows, else", "workflows/"),
)
"""Name and file, or folder, of the package: a sample belongs to the first stage whose file is in its stack."""

IMPORTING = "importlib._bootstrap"
PARTS = (
    ("importing", IMPORTING),
    ("making and trying engines", "backbones/engines/choice.py"),
    ("engine", "backbones/engines/"),
    ("waiting for pictures", "data/prefetch.py"),
    ("reading pictures", "data/decoding.py"),
    ("reading pictures", "data/images.py"),
    ("reading pictures", "data/transforms.py"),
    ("measuring files", "data/scan.py"),
    ("store", "features/store/"),
    ("training", "training/"),
    ("heads in closed form", "heads/"),
    ("heads in closed form", "core/linear_algebra.py"),
    ("loading networks", "backbones/loading.py"),
    ("loading networks", "backbones/providers/"),
    ("comparing", "evaluation/"),
    ("extraction, else", "features/extract.py"),
)
"""As above, within a stage."""


def first_of(names: tuple[tuple[str, str], ...], stack: str, otherwise: str) -> str:
    """The first name whose file the stack shows."""
    return next((name for name, file in names if (file if file == IMPORTING else f"headstart/{file}") in stack), otherwise)


def samples(command: list[str], raw: Path) -> tuple[list[tuple[str, int]], float]:
    """Stacks, outermost function first, with the number of samples, and the seconds of the command."""
    spy = str(Path(sys.executable).with_name("py-spy"))
    options = ["--full-filenames", "--threads", "--idle", "--rate", str(SAMPLES_A_SECOND)]
    begun = time.perf_counter()
    environment = {**os.environ, "HEADSTART_QUIET": "1"}
    recorded = [spy, "record", "--format", "raw", "--output", str(raw), *options, "--", *command]
    subprocess.run(recorded, check=True, env=environment, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    lines = (line.rpartition(" ") for line in raw.read_text(encoding="utf-8").splitlines())
    return [(stack, int(count)) for stack, _, count in lines], seconds


def by_part(stacks: list[tuple[str, int]], seconds: float) -> list[dict[str, object]]:
    """The main thread's seconds by stage and part, longest stage first."""
    main = [(stack, count) for stack, count in stacks if ": MainThread" in stack.partition(";")[0]]
    total = sum(count for _, count in main)
    counts: Counter[tuple[str, str]] = Counter()
    for stack, count in main:
        stage = first_of(STAGES, stack, "starting up")
        counts[stage, first_of(PARTS, stack, "else")] += count
    return [
        {"stage": stage, "part": part, "seconds": seconds * count / total, "share": count / total}
        for (stage, part), count in counts.most_common()
    ]


def other_threads(stacks: list[tuple[str, int]], seconds: float) -> list[dict[str, object]]:
    """Thread seconds outside the main thread that did something, by what."""
    main = sum(count for stack, count in stacks if ": MainThread" in stack.partition(";")[0])
    counts: Counter[str] = Counter()
    for stack, count in stacks:
        if ": MainThread" not in stack.partition(";")[0]:
            counts[first_of((*PARTS, ("idle", "concurrent/futures/thread.py")), _busy(stack), "else")] += count
    return [{"part": part, "thread seconds": seconds * count / main} for part, count in counts.most_common()]


def _busy(stack: str) -> str:
    """The stack, or no more than its pool where the thread waits for work."""
    innermost = stack.rpartition(";")[2]
    return innermost if "concurrent/futures/thread.py" in innermost or "threading.py" in innermost else stack


def main() -> None:
    """Print both tables."""
    options = arguments(__doc__ or "", seeds=1, data="emoji", command=("run",))
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        folder = options.out / f"profile-{options.data}-{seed}-{os.getpid()}"
        minutes = ["--minutes", str(options.minutes)] if options.minutes else []
        command = [sys.executable, "-m", "headstart", *options.command, options.data, "--seed", str(seed), *minutes]
        with empty_cache():
            stacks, seconds = samples([*command, "--out", str(folder)], folder.with_suffix(".raw"))
        title = f"headstart {' '.join(options.command)} {options.data}, seed {seed}"
        rows = by_part(stacks, seconds)
        show(f"{title}: seconds of the main thread", rows, [])
        show(f"{title}: other threads", other_threads(stacks, seconds), [])


if __name__ == "__main__":
    main()
