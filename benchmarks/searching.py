"""headstart search, killed repeatedly and undisturbed; then its best trial against the default.

The default and the best trial are fitted to all training rows and compared on the sealed test set, which no trial uses.

Expected: the same trials in both cases and no trial evaluated twice; if search says that its best trial is better, it is
better on the test set as well.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from benchmarks.protocol import arguments, show
from headstart.data.reading import read_task
from headstart.planning.improving.study import Found
from headstart.planning.plan import Plan
from headstart.workflows.fit import fit_and_evaluate as fit

SETTINGS = {"training.epochs": "12", "training.lr": "0.001", "training.batch_size": "32"}
"""The defaults of `Training`, which are short for training from scratch and leave something to find."""


def command(place: str, per_class: int, seed: int, trials: int, study: Path) -> list[str]:
    """Small network from scratch: short trials, so that many fit between two kills."""
    settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    words = ["search", place, "--method", "fine_tune", "--pretrained", "small_cnn", "--weights", "none", *settings]
    return [*words, "--per-class", str(per_class), "--seed", str(seed), "--trials", str(trials), "--out", str(study)]


def searching(words: list[str], cache: Path) -> subprocess.Popen[bytes]:
    """The command, started on a cache of its own."""
    environment = {**os.environ, "HEADSTART_CACHE": str(cache), "HEADSTART_QUIET": "1"}
    process = [sys.executable, "-m", "headstart", *words]
    return subprocess.Popen(process, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finished(words: list[str], cache: Path) -> float:
    """Seconds of a search left alone."""
    begun = time.perf_counter()
    process = searching(words, cache)
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(errors.decode())
    return time.perf_counter() - begun


def killed(words: list[str], cache: Path, most: int, seconds: float, seed: int) -> int:
    """How often the search was killed before it ended, or so often."""
    generator = random.Random(seed)
    for kills in range(most):
        process = searching(words, cache)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=generator.uniform(0.1, 0.3) * max(seconds, 20.0))
        if process.poll() is not None:
            return kills
        process.kill()
        process.wait()
    return most


def trials_of(study: Path) -> tuple[Found, list[str]]:
    """What a study found, and its trials without their seconds."""
    found = Found.from_json((study / "found.json").read_text(encoding="utf-8"))
    return found, [trial.model_copy(update={"seconds": 0.0}).to_json() for trial in found.trials]


def measured(place: str, per_class: int, seed: int, trials: int, kills: int, out: Path) -> dict[str, object]:
    """One search left alone and the same one killed, with the test accuracy of default and winner."""
    shutil.rmtree(out, ignore_errors=True)
    calm, rough = (command(place, per_class, seed, trials, out / name) for name in ("calm", "rough"))
    seconds = finished(calm, out / "cache-calm")
    num_kills = killed(rough, out / "cache-rough", kills, seconds, seed)
    finished(rough, out / "cache-rough")
    (found, first), (_, second) = trials_of(out / "calm"), trials_of(out / "rough")
    log = Counter(line.split("\t")[0] for line in (out / "rough" / "steps" / "log.tsv").read_text().splitlines())
    study = json.loads((out / "calm" / "study.json").read_text(encoding="utf-8"))
    task = read_task(place, seed, per_class)
    default = fit(task, Plan.from_dict(study["plan"], "study.json"), out / "default")
    winner = fit(task, found.plan, out / "winner")
    scores = {name: run.evaluation.accuracy.value for name, run in (("default", default), ("winner", winner)) if run.evaluation}
    return {
        "seed": seed,
        "seconds": seconds,
        "kills": num_kills,
        "same trials": first == second,
        "steps done twice": sum(count > 1 for count in log.values()),
        "pruned": sum(trial.outcome == "pruned" for trial in found.trials),
        "better said": found.sentence.startswith("Better"),
        **scores,
    }


def main() -> None:
    """Print one row a seed."""
    options = arguments(__doc__ or "", seeds=1, data="digits", per_class=10, trials=10, kills=20)
    rows = []
    for seed in range(options.seeds):
        folder = options.out / "searching" / f"{options.data}-{seed}"
        rows.append(measured(options.data, options.per_class, seed, options.trials, options.kills, folder))
    show(f"headstart search on {options.data}, {options.per_class} labels a class, {options.trials} trials", rows, [])


if __name__ == "__main__":
    main()
