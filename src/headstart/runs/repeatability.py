"""Repeatability: what is guaranteed where the command of a run is given again, and whether calls before worked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.runs.run_folder import EARLIER, PEAK_MEMORY

MEASURED = 947
"""Labels of two sets that were compared, by `python -m benchmarks.repeatable_elsewhere`; see benchmarks/RESULTS.md."""
OTHER_THREADS = 0
"""Of them, those that differed with another number of threads, or with another engine in float32."""
OTHER_PRECISION = 7
"""Of them, those that differed with an engine in bf16."""
SAME_BYTES = (
    "The same command with seed {seed}, given on the same machine with as many threads ({threads}) and the same engine "
    "({engine}), gives the same bytes, but for measured times and memory. With others labels may differ: of {measured} that were "
    "measured, {threads_differ} did with other threads or float32 engines, and {bf16_differ} with bf16."
)
ON_GPU = (
    "Sums on a graphics card may take another order each time: the same command with seed {seed} may give other bytes, and other "
    "labels for some images."
)
ENDED = "A clock or Ctrl-C ended this run: the same command with seed {seed} may try more or less, and give another model."
CHOSEN = "the one that was chosen"
COMPARED = ("processor", "threads", "gpu", "engine", "python")


def repeatability_of(environment: Mapping[str, Any], seed: int, *, stopped: bool) -> str:
    """What is guaranteed, as a sentence; empty where nothing is known of the machine.

    Args:
        environment: Of the run.
        seed: Of the run.
        stopped: Whether a clock or Ctrl-C ended the trying.

    Returns:
        The sentence.
    """
    if not environment:
        return ""
    if stopped:
        return ENDED.format(seed=seed)
    if environment.get("gpu"):
        return ON_GPU.format(seed=seed)
    engine = environment.get("engine", "auto")
    asked = CHOSEN if engine == "auto" else engine
    measured = {"measured": MEASURED, "threads_differ": OTHER_THREADS, "bf16_differ": OTHER_PRECISION}
    return SAME_BYTES.format(seed=seed, threads=environment.get("threads", 1), engine=asked, **measured)


def with_earlier(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of now, with what differed when earlier calls worked on the same run, and the most memory of these."""
    differing = {name: before[name] for name in COMPARED if name in before and before[name] != now[name]}
    packages = now["packages"]
    differing |= {name: found for name, found in before.get("packages", {}).items() if packages.get(name) != found}
    earlier = [*before.get(EARLIER, ()), *([differing] if differing else [])]
    memory = {PEAK_MEMORY: before[PEAK_MEMORY]} if PEAK_MEMORY in before else {}
    return {**now, **memory, **({EARLIER: earlier} if earlier else {})}
