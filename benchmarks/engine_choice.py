"""The engine that is chosen against the fastest of the machine, three networks at three sides, idle and beside a busy process.

Every engine of the machine is made, emulated arithmetic included, and all of them run on the same pictures in turn, round after
round; the highest rate of each counts. Engines whose features are too far from exact ones are left out. The engine is chosen with
an empty cache, as on a machine that has never run headstart, once a network and side, before the rates are measured. "busy" is
beside a process that counts without end. "adds" is what choosing took beyond making the chosen engine alone, in seconds. "spread"
is the largest ratio between two rounds of one engine.

`ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI python -m benchmarks.engine_choice` hides bf16 from the kernels, as on a processor that has
none.

Expected: chosen / fastest at least 0.9 in every row, idle and busy; "adds" below 1.5 seconds for the networks after the first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import numpy as np

from benchmarks.pictures import image_set_of, jpegs
from benchmarks.protocol import arguments, empty_cache, show
from headstart.backbones.engines import choice, openvino
from headstart.backbones.engines.base import Engine
from headstart.backbones.engines.choice import LARGEST_ERROR, REFERENCE, SAMPLE_ROWS, choose_engine, engine_named
from headstart.backbones.engines.graphs import graphs_folder
from headstart.backbones.engines.machine import engine_names
from headstart.backbones.engines.trial import feature_error
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.core.errors import PretrainedError
from headstart.core.types import Bytes

NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
SIDES = (96, 160, 224)
IMAGES = 20_000
"""Pictures that the engine is chosen for: enough that every quickly made engine is tried."""
LEFT_OUT = ("int8", "-compiled")
"""Engines that take half a minute to make."""


class Case(NamedTuple):
    """A network at a side, with every engine of the machine that gives close features."""

    network: str
    side: int
    sample: Bytes
    chosen: str
    adds: float
    engines: dict[str, Engine]


def case_of(network: str, side: int, pictures: Bytes) -> Case:
    """The engine is chosen, then all are made."""
    backbone = load_backbone(network, input_pixels=side)
    program = Describe(backbone)
    begun = time.perf_counter()
    chosen = choose_engine(program, lambda count: pictures[:count], IMAGES)
    choosing = time.perf_counter() - begun
    _forget()
    begun = time.perf_counter()
    engine_named(chosen, program, lambda count: pictures[:count])
    making = time.perf_counter() - begun
    engines: dict[str, Engine] = {}
    exact = None
    for name in (REFERENCE, *engine_names()):
        if name in engines or name.endswith(LEFT_OUT):
            continue
        try:
            engine = engine_named(name, program, lambda count: pictures[:count])
            found = _outputs(engine, pictures)
        except (PretrainedError, RuntimeError):
            continue  # arithmetic that the processor lacks
        exact = exact or found
        if feature_error(found, exact) <= LARGEST_ERROR:
            engines[name] = engine
    return Case(network, side, pictures, chosen, choosing - making, engines)


def _forget() -> None:
    """Let the next engine be made as in a new process with an empty cache."""
    choice._LAST_USED.clear()
    openvino._LAST_GRAPH.clear()
    for path in graphs_folder().glob("*/*"):
        path.unlink()


def _batches(engine: Engine, pictures: Bytes) -> list[Bytes]:
    return [pictures[start : start + engine.batch_rows] for start in range(0, len(pictures), engine.batch_rows)]


def _outputs(engine: Engine, pictures: Bytes) -> tuple[np.ndarray, ...]:
    return tuple(np.concatenate(part) for part in zip(*engine.run(_batches(engine, pictures)), strict=True))


@contextmanager
def busy_process() -> Iterator[None]:
    """One more process that wants a core all the time."""
    python = getattr(sys, "_base_executable", sys.executable)
    process = subprocess.Popen([python, "-c", "while True: pass"])
    try:
        time.sleep(0.5)
        yield
    finally:
        process.kill()
        process.wait()


def rows_of(cases: Sequence[Case], rounds: int, load: str) -> list[dict[str, object]]:
    """One row a case: the rates of all engines, measured in turn."""
    rates: dict[tuple[int, str], list[float]] = {(place, name): [] for place, case in enumerate(cases) for name in case.engines}
    for _ in range(rounds):
        for (place, name), found in rates.items():
            engine, pictures = cases[place].engines[name], cases[place].sample
            begun = time.perf_counter()
            list(engine.run(_batches(engine, pictures)))
            found.append(len(pictures) / (time.perf_counter() - begun))
    rows = []
    for place, case in enumerate(cases):
        best = {name: max(rates[place, name]) for name in case.engines}
        spread = max(max(rates[place, name]) / min(rates[place, name]) for name in case.engines)
        rows.append(
            {
                "load": load,
                "network": case.network,
                "side": case.side,
                "chosen": case.chosen,
                "fastest": max(best, key=best.__getitem__),
                "chosen / fastest": best[case.chosen] / max(best.values()),
                "adds": case.adds,
                "spread": spread,
                **{name: best[name] for name in sorted(best)},
            }
        )
    return rows


def main() -> None:
    """Print a table for the idle machine and one for the busy one; engines are chosen anew beside the busy process."""
    options = arguments(__doc__ or "", seeds=3, networks=NETWORKS, sides=SIDES)
    choice.MOST_ENGINES = 100
    images = image_set_of(jpegs(options.out / "pictures", SAMPLE_ROWS)).images
    for load in ("idle", "busy"):
        with empty_cache(), busy_process() if load == "busy" else nullcontext():
            choice._SETTLED.clear()
            cases = []
            for network in options.networks:
                for side in options.sides:
                    pictures = load_backbone(network, input_pixels=side).transform.decode(images, np.arange(len(images)))
                    cases.append(case_of(network, side, pictures))
            rows = rows_of(cases, options.seeds, load)
        names = sorted({name for case in cases for name in case.engines})
        others = [name for name in rows[0] if name not in names]
        shown = [{name: row[name] for name in others} | {name: row.get(name, float("nan")) for name in names} for row in rows]
        title = f"images/s by engine, {load}; ONEDNN_MAX_CPU_ISA={os.environ.get('ONEDNN_MAX_CPU_ISA', '')}"
        show(title, shown, [], ["chosen / fastest", "adds"])


if __name__ == "__main__":
    main()
