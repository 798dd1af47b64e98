"""Whole runs of two versions on folders of few labels, judged on pictures that neither has seen.

Each cell is a built-in set and a number of labels a class. For each seed its labeled pictures are written as class folders
without a test split, and up to 800 others as a second folder. `headstart run` and `headstart evaluate` of each version, a
source tree put on PYTHONPATH, work in processes of their own with a cache folder of their own; every picture gets the best guess.
A result that is there is not computed again, so that the table can be made while one version still works.

    python -m benchmarks.whole_runs --versions old=/path/of/old/src new=src --old-minutes 1.5

"gain" is the paired difference new - old in points of accuracy. With `--hindsight 1` each closed form on one network that the new
version cross-validated is fitted to all labels, too, and judged on the same unseen pictures: "regret" is what the shipped model
lacks to the best of them, in points, below zero where an ensemble or a trained network is better than all.

Expected: a mean gain of at least 2.5 points, no cell worse by more than half a point, a mean regret of at most half a point.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocol import alone, arguments, mean_and_interval, show
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.data.images import ImageSet
from headstart.data.readers import reader_for
from headstart.data.reading import read_task
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import fit_rows
from headstart.runs.run import Run

CELLS = ("digits:10", "digits:20", "fashion-mnist:20", "elpv:50", "emoji-noto:20", "emoji-twemoji:20", "mnist:10", "elpv:200")
MOST_TEST_PICTURES = 800


def folders_of(cell: str, seed: int, out: Path) -> tuple[Path, Path]:
    """The folder of labeled pictures and that of other pictures of a cell, written once."""
    place = out / "data" / f"{cell.replace(':', '-')}-{seed}"
    if not (place / "done").exists():
        name, per_class = cell.split(":")
        raw = reader_for(name).read(name)
        labels = np.array([str(label) for label in raw.labels])
        order = generator_for(seed, "whole runs", name).permutation(len(labels))
        order = order[[raw.splits[row] != "test" for row in order]]
        rows = np.concatenate([order[labels[order] == label][: int(per_class)] for label in np.unique(labels)])
        others = np.setdiff1d(order, rows, assume_unique=True)[:MOST_TEST_PICTURES]
        for part, chosen in (("train", rows), ("test", others)):
            for row in chosen.tolist():
                path = place / part / labels[row] / f"{row:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                raw.images.read(row).save(path)
        (place / "done").touch()
    return place / "train", place / "test"


def command(source: Path, cache: Path, *words: str | Path) -> dict[str, Any]:
    """The JSON answer of `headstart WORDS...` of that source tree in a new process."""
    environment = {**os.environ, "PYTHONPATH": str(source.resolve()), "HEADSTART_CACHE": str(cache.resolve())}
    program = "import sys; from headstart.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words), "--json"], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"headstart {' '.join(map(str, words))} ended with {done.returncode}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measured(version: str, source: Path, cell: str, seed: int, options: Any) -> dict[str, Any]:
    """Accuracy, seconds, verdict and choice of one run of a version, read back where they are known."""
    kept = options.out / version / f"{cell.replace(':', '-')}-{seed}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    train, test = folders_of(cell, seed, options.out)
    run, cache = kept.with_suffix(""), options.out / f"cache-{version}"
    minutes = options.old_minutes if version == "old" else options.minutes
    begun, before = time.perf_counter(), os.times()
    budget = ["--minutes", f"{minutes:g}"] if minutes else []
    result = command(source, cache, "run", train, "--seed", str(seed), "--out", run, *budget)
    seconds, after = time.perf_counter() - begun, os.times()
    evaluation = command(source, cache, "evaluate", run, test)
    row = {
        "accuracy": evaluation["metrics"]["accuracy"]["value"],
        "balanced": evaluation["metrics"]["balanced_accuracy"]["value"],
        "said": (result["evaluation"] or {}).get("metrics", {}).get("accuracy"),
        "seconds": seconds,
        "processor": after.children_user + after.children_system - before.children_user - before.children_system,
        "verdict": result["verdict"],
        "chosen": json.loads((run / "decision.json").read_text(encoding="utf-8"))["chosen"],
        "num_test": evaluation["num_images"],
    }
    kept.write_text(json.dumps(row), encoding="utf-8")
    sys.stderr.write(f"{version} {cell} seed {seed}: {row['accuracy']:.4f} in {seconds:.0f} s, {row['chosen']}\n")
    return row


def hindsight(run: Path, train: Path, test: Path) -> dict[str, float]:
    """The accuracy, on unseen pictures, of each closed form on one network that a run cross-validated, fitted to all labels."""
    task = read_task(train, Run(run).plan.seed)
    decision = Run(run).decision
    raw = reader_for(str(test)).read(str(test))
    labels = np.array([task.classes.index(str(label)) for label in raw.labels])
    unseen = ImageSet(raw.images, task.classes, labels, np.arange(len(labels)))
    found = {}
    for result in decision.results if decision else ():
        if result.status == "fitted" and result.family != "chance" and not result.partners and not result.reads_training:
            candidate = Candidate(family=result.family, **result.recipe)
            backbone = load_backbone(candidate.pretrained, candidate.weights, candidate.input_pixels, task.seed)
            model = fit_rows(task, np.arange(len(task.labeled)), candidate, backbone, None)
            found[result.name] = float((model.predict(unseen).probs.argmax(axis=1) == labels).mean())
    return found


def with_hindsight(cell: str, seed: int, options: Any) -> None:
    """Add what the closed forms of a new run reach to its file."""
    kept = options.out / "new" / f"{cell.replace(':', '-')}-{seed}.json"
    row = json.loads(kept.read_text(encoding="utf-8"))
    if "hindsight" not in row:
        os.environ["HEADSTART_CACHE"] = str((options.out / "cache-new").resolve())
        row["hindsight"] = alone(hindsight, kept.with_suffix(""), *folders_of(cell, seed, options.out))
        kept.write_text(json.dumps(row), encoding="utf-8")


def table(options: Any, versions: dict[str, Path]) -> list[dict[str, object]]:
    """A row for each cell and seed that both versions have finished."""
    rows: list[dict[str, object]] = []
    for cell in options.cells:
        for seed in range(options.seeds):
            files = [options.out / version / f"{cell.replace(':', '-')}-{seed}.json" for version in versions]
            if all(file.exists() for file in files):
                old, new = (json.loads(file.read_text(encoding="utf-8")) for file in files)
                rows.append(
                    {
                        "cell": cell,
                        "seed": seed,
                        "old": old["accuracy"],
                        "new": new["accuracy"],
                        "gain": 100 * (new["accuracy"] - old["accuracy"]),
                        "old seconds": round(old["seconds"]),
                        "new seconds": round(new["seconds"]),
                        "regret": _regret(new),
                        "verdict": new["verdict"],
                        "chosen": new["chosen"],
                    }
                )
    return rows


def _regret(new: dict[str, Any]) -> float | None:
    known = new.get("hindsight")
    return 100 * (max(known.values()) - new["accuracy"]) if known else None


def main() -> None:
    """Compute what is missing, then print a row for each cell and seed, the mean gain of each cell, and the means."""
    options = arguments(
        __doc__ or "", seeds=3, cells=CELLS, versions=("old=../old/src", "new=src"), old_minutes=0.0, only="", hindsight=0
    )
    versions = {name: Path(source) for name, source in (each.split("=", 1) for each in options.versions)}
    for version, source in versions.items():
        for seed in range(options.seeds):
            for cell in options.cells:
                if options.only in ("", version):
                    (options.out / version).mkdir(parents=True, exist_ok=True)
                    measured(version, source, cell, seed, options)
                    if options.hindsight and version == "new":
                        with_hindsight(cell, seed, options)
    rows = table(options, versions)
    if not rows:
        return
    show("Whole runs, accuracy on unseen pictures", rows, ["old", "new", "gain", "new seconds"])
    regrets = [float(str(row["regret"])) for row in rows if row["regret"] is not None]
    if regrets:
        mean, low, high = mean_and_interval(regrets)
        sys.stdout.write(f"mean regret: {mean:+.2f} points [{low:+.2f}, {high:+.2f}] over {len(regrets)} runs\n")
    for cell in options.cells:
        gains = [float(str(row["gain"])) for row in rows if row["cell"] == cell]
        if gains:
            mean, low, high = mean_and_interval(gains)
            sys.stdout.write(f"{cell}: gain {mean:+.2f} points [{low:+.2f}, {high:+.2f}] over {len(gains)} seeds\n")


if __name__ == "__main__":
    main()
