"""A whole run on Ray nodes that are killed at random times, and with the head killed and started again, beside one process.

Nodes with one core each; once folds are trained (with --folds 0 from the beginning on), every --pause seconds, drawn between half
and one and a half times of it, one is killed and another
one started, until --kills were killed; then, with --head 1, the head is killed with all nodes and started again. Expected: the
run completes, plan, decision and predictions are those of one process to the last bit, and no finished step is done again.

    python -m benchmarks.cluster_faults --kills 10 --head 1
    python -m benchmarks.cluster_faults --kills 0 --head 0 --nodes 4
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks._ray_nodes import Nodes
from benchmarks.processor import machine_line
from benchmarks.protocol import arguments
from headstart.runs.run import Run

DATA = ("digits", "--per-class", "12", "--pretrained", "efficientnet_lite0")


def started(folder: Path, cache: Path, *words: str) -> subprocess.Popen[bytes]:
    """The run in a process of its own, with the exact engine and one thread."""
    environment = os.environ | {
        "HEADSTART_CACHE": str(cache), "HEADSTART_ENGINE": "torch-float32", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "headstart", "run", *DATA, "--out", str(folder), *words]
    with folder.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def main() -> None:
    options = arguments("faults of a cluster", 1, kills=10, head=1, pause=15.0, nodes=2, folds=1)
    with tempfile.TemporaryDirectory(prefix="hs") as place:
        home = Path(place)
        begun = time.perf_counter()
        if started(home / "alone", home / "alone_cache").wait():
            raise SystemExit((home / "alone.log").read_text())
        seconds = {"one process": time.perf_counter() - begun}
        nodes = Nodes(options.nodes, home / "ray")
        begun = time.perf_counter()
        process = started(home / "together", home / "driver_cache", "--cluster", nodes.address)
        while options.folds and process.poll() is None and b", fold 1 of" not in (home / "together.log").read_bytes():
            time.sleep(1.0)
        kills, heads = disturbed(process, nodes, options)
        code = process.wait()
        seconds["nodes that are killed"] = time.perf_counter() - begun
        nodes.tell("stop")
        if code:
            raise SystemExit((home / "together.log").read_text())
        report(home, seconds, kills, heads, options.nodes)


def disturbed(process: subprocess.Popen[bytes], nodes: Nodes, options: Any) -> tuple[int, int]:
    """Kill nodes and the head while the process runs; how many of each were killed before it ended."""
    draw, kills = random.Random(options.seeds), 0
    while kills < options.kills:
        if _ends_within(process, options.pause * draw.uniform(0.5, 1.5)):
            return kills, 0
        nodes.tell("kill")
        nodes.tell("add")
        kills += 1
    if not options.head or _ends_within(process, options.pause):
        return kills, 0
    nodes.tell("stop")
    time.sleep(5)
    nodes.start()
    return kills, 1


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def report(home: Path, seconds: dict[str, float], kills: int, heads: int, nodes: int) -> None:
    """What the docstring promises, on stdout."""
    alone, together = Run(home / "alone"), Run(home / "together")
    use = together.cluster_use
    finished = Counter(line.split("\t")[0] for line in (home / "together" / "steps" / "log.tsv").read_text().splitlines())
    print(f"`headstart run {' '.join(DATA)}` on {nodes} nodes, torch-float32, one thread a step")
    print(f"on {machine_line()}, load average {os.getloadavg()[1]:.1f}")
    print(f"nodes killed: {kills}; head killed and started again: {heads}")
    print("; ".join(f"{name}: {took:.0f} s" for name, took in seconds.items()))
    print(f"works begun anew: {use.num_repeated if use else 0}; works by kind: ", end="")
    print(", ".join(f"{cost.num} {cost.name}" for cost in use.costs) if use else "none")
    print(f"steps: {len(finished)}; steps that were finished twice: {sum(count > 1 for count in finished.values())}")
    print(f"equal plan: {alone.plan.to_dict() == together.plan.to_dict()}")
    print(f"equal verdict and comparisons: {_decided(alone) == _decided(together)}")
    names = ("predictions.parquet", "evaluation.json")
    equal = {name: (home / "alone" / name).read_bytes() == (home / "together" / name).read_bytes() for name in names}
    print("; ".join(f"equal bytes of {name}: {same}" for name, same in equal.items()))


def _decided(run: Run) -> dict[str, Any]:
    decision = run.decision
    assert decision
    results = [(one.name, one.status, one.accuracy, one.log_loss) for one in decision.results]
    return {"verdict": decision.verdict, "gain": decision.gain, "comparisons": decision.comparisons, "results": results}


if __name__ == "__main__":
    main()
