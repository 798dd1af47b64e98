"""Seconds of adaptation without target labels on real pairs of domains, and of an earlier version beside it.

Each pair is adapted to in a new process: features first, which the cache keeps, then everything after them, up to the fit of the
chosen models. "candidates" are wall seconds without features, "processor" what the process took of all cores meanwhile. With
`--against FOLDER`, a checkout of an earlier version, that version adapts to the same pairs in turn; the ratio of the seconds of
the processor, the choices and the accuracies of both are printed.

Expected: features and candidates together under two minutes a pair on two cores, and the same choice as the earlier version's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks._adapting import accuracy
from benchmarks.domain_pairs import PAIRS, made
from benchmarks.protocol import arguments, show
from headstart.core.steps import Steps
from headstart.features.extract import features_of
from headstart.methods import method_from
from headstart.planning.adapting.adapt import adaptation_to
from headstart.training.settings import Training

HERE = Path(__file__).parents[1]
SHOWN = 5


def measured(pair: str, seed: int, folder: Path) -> dict[str, Any]:
    """Seconds of features and of what follows, the candidates' own, and what was chosen with its accuracy; in this process."""
    task, backbone, _ = made((pair, seed))
    assert task.source is not None
    assert task.unlabeled is not None
    begun = time.perf_counter()
    for images in (task.source, task.unlabeled):
        features_of(images, backbone)
    features, begun, spent = time.perf_counter() - begun, time.perf_counter(), time.process_time()
    found = adaptation_to(task, backbone, steps=Steps(folder))
    model, *partners = (method_from({"kind": one}).fit(task, backbone, Training(seed=seed)) for one in found.chosen)
    seconds, spent = time.perf_counter() - begun, time.process_time() - spent
    slowest = sorted(found.candidates, key=lambda one: -one.seconds)[:SHOWN]
    return {
        "images": len(task.source) + len(task.unlabeled),
        "features": features,
        "candidates": seconds,
        "processor": spent,
        "slowest": [f"{one.name} {one.seconds:.1f}" for one in slowest],
        "chosen": list(found.chosen),
        "accuracy": accuracy(replace(model, partners=tuple(partners)), task),
    }


def in_version(root: Path, pair: str, seed: int) -> dict[str, Any]:
    """The same by the version in that checkout, in a new process."""
    path = os.pathsep.join([str(root / "src"), str(HERE)])
    command = [sys.executable, "-m", "benchmarks.adapting_time", "--pairs", pair, "--first-seed", str(seed), "--alone", "1"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, cwd=HERE, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def row_of(pair: str, seed: int, against: Path | None) -> dict[str, object]:
    """A line of the table."""
    ours = in_version(HERE, pair, seed)
    row: dict[str, object] = {
        "pair": pair,
        "seed": seed,
        "whole": ours["features"] + ours["candidates"],
        **{name: ours[name] for name in ("features", "candidates", "processor")},
        "chosen": "+".join(ours["chosen"]),
        "accuracy": ours["accuracy"],
        "slowest": ", ".join(ours["slowest"]),
    }
    if against is not None:
        theirs = in_version(against, pair, seed)
        row |= {
            "processor, earlier": theirs["processor"],
            "ratio": theirs["processor"] / ours["processor"],
            "same choice": theirs["chosen"] == ours["chosen"],
            "accuracy, earlier": theirs["accuracy"],
        }
    return row


def main() -> None:
    """Print the table."""
    given = arguments(__doc__ or "", seeds=1, pairs=PAIRS, first_seed=0, against="", alone=0)
    if given.alone:
        with tempfile.TemporaryDirectory() as folder:
            found = measured(given.pairs[0], given.first_seed, Path(folder))
        sys.stdout.write(json.dumps(found) + "\n")
        return
    against = Path(given.against) if given.against else None
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    rows = [row_of(pair, seed, against) for seed in seeds for pair in given.pairs]
    show("adaptation without target labels, seconds", rows, ("whole", "processor"), ("ratio",) if against else ())


if __name__ == "__main__":
    main()
