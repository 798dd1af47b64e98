"""When a run can first be predicted with: seconds until the first model, until the end, and how often networks were loaded.

Each run is a new process with an empty cache; seconds count from the start of the process, imports included. "networks loaded"
are those built, given their weights and traced; "asked for" says how often the run wanted one. "first accuracy" is
leave-one-out, "test accuracy" that of the final model.

    python -m benchmarks.first_model --sets emoji elpv digits

Expected on two cores: the first model of the embedded set within 15 seconds, the whole within two minutes, a network loaded once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.protocol import arguments, empty_cache, show
from headstart.runs.run import Run

PER_CLASS = {"elpv": 50, "digits": 50}
"""Labels a class; the embedded set has all of its own."""
COUNTED = """
import atexit, importlib.util, json, sys
from headstart.cli import main

counts = {"loaded": 0, "asked": 0}


def counting(name, real):
    def counted(*given, **named):
        counts[name] += 1
        return real(*given, **named)

    return counted


class Finder:  # changes the module as soon as it has been imported, so that no import is moved
    def find_spec(self, name, path=None, target=None):
        if name != "headstart.backbones.loading":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        real = spec.loader.exec_module

        def executed(module):
            real(module)
            module.anatomy_of = counting("loaded", module.anatomy_of)
            module._network = counting("asked", module._network)

        spec.loader.exec_module = executed
        return spec


sys.meta_path.insert(0, Finder())
atexit.register(lambda: sys.stderr.write("\\n" + json.dumps(counts)))
main(sys.argv[1:])
"""


def measured(name: str, out: Path, seed: int) -> dict[str, object]:
    """One run on a set."""
    folder = out / f"first-model-{name}-{seed}-{time.time_ns()}"
    words = ["run", name, "--seed", str(seed), "--out", str(folder)]
    words += ["--per-class", str(PER_CLASS[name])] if name in PER_CLASS else []
    with empty_cache():
        begun = time.time()
        done = subprocess.run([sys.executable, "-c", COUNTED, *words], check=True, capture_output=True, text=True)
        seconds = time.time() - begun
    counts = json.loads(done.stderr.splitlines()[-1])
    run = Run.load(folder)
    first = run.first
    if first is None or run.evaluation is None:
        raise RuntimeError(f"{folder} has no first model or no evaluation")
    return {
        "set": name,
        "seed": seed,
        "first model, s": (folder / "first_model.json").stat().st_mtime - begun,
        "whole run, s": seconds,
        "networks loaded": counts["loaded"],
        "asked for": counts["asked"],
        "first accuracy": first.accuracy.value if first.accuracy else None,
        "test accuracy": run.evaluation.metrics["accuracy"].value,
    }


def main() -> None:
    """Print a table a set."""
    options = arguments(__doc__ or "", seeds=3, sets=("emoji", "elpv", "digits"))
    for name in options.sets:
        rows = [measured(name, options.out, seed) for seed in range(options.seeds)]
        show(f"headstart run {name}, cold", rows, ["first model, s", "whole run, s"])


if __name__ == "__main__":
    main()
