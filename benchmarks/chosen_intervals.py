"""Coverage of prediction intervals of a model that was chosen among many by the same images, with and without their widening.

Candidates are equally good: each predicts the number of an image with an error of variance 1, of which a share is common to all.
The one of least squared error on the labeled images is chosen, so that its residuals are small by luck. The coverage of 90 %
intervals on new images follows from their width, as errors are normal. Finished cells are kept in OUT/chosen_intervals.jsonl.

Expected: without widening intervals hold fewer than 90 % of new numbers, the fewer the more candidates and the fewer images; with
it 89 to 92 % in every cell.
"""

from __future__ import annotations

import json
import math

import numpy as np

from benchmarks.protocol import arguments, mean_and_interval
from headstart.core.seeds import generator_for
from headstart.data.images import Embeddings
from headstart.data.raw_dataset import RawDataset
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.cross_validation import HeldOutScores, ValidatedOutputs
from headstart.multioutput.intervals import CrossConformal
from headstart.multioutput.reading import outputs_of
from headstart.multioutput.selection import measured_selection

LEVEL, IMAGES, CANDIDATES, COMMON = 0.9, (20, 40, 100), (5, 20), (0.0, 0.8)


def coverages(num_images: int, num_candidates: int, common: float, seed: int) -> tuple[float, float]:
    """The coverage on new images of intervals of the chosen candidate, as they are and widened."""
    draw = generator_for(seed, "chosen intervals", num_images)
    features = draw.normal(size=(num_images, 2)).astype(np.float32)
    numbers = draw.normal(size=num_images)
    raw = RawDataset(
        "drawn", Embeddings(features, "drawn", np.arange(num_images)), tuple(map(repr, numbers.tolist())), outputs="numbers"
    )
    task = outputs_of(raw, "")
    rows = np.concatenate([fold.held_out for fold in task.images.folds])
    folds = np.repeat(np.arange(len(task.images.folds)), [len(fold.held_out) for fold in task.images.folds])
    shared = draw.normal(size=num_images)
    validated = []
    for place in range(num_candidates):
        errors = math.sqrt(common) * shared + math.sqrt(1 - common) * draw.normal(size=num_images)
        values = task.targets[rows] + errors[:, None]
        held_out = HeldOutScores(rows, folds, values)
        candidate = OutputCandidate(family="transfer", fit="ridge", pretrained=str(place))
        validated.append(ValidatedOutputs(candidate, held_out, values, np.full_like(values, np.nan)))
    chosen = min(validated, key=lambda one: float(one.losses(task).mean()))
    widening = measured_selection(task, chosen, validated).widening
    residuals = np.abs(chosen.values - task.targets[rows])
    found = []
    for factor in (1.0, widening):
        conformal = CrossConformal(residuals, np.zeros(num_images, np.int64), factor)
        _, high = conformal.interval(np.zeros((1, 1, 1)), LEVEL)
        found.append(math.erf(float(high[0, 0]) / math.sqrt(2)))
    return found[0], found[1]


def shown(found: tuple[float, float, float]) -> str:
    """A mean with its interval."""
    return "{:.3f} [{:.3f}, {:.3f}]".format(*found)


def main() -> None:
    """Every cell, one line each."""
    given = arguments(__doc__, 200)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "chosen_intervals.jsonl"
    done = {tuple(row["cell"]): row for row in map(json.loads, file.read_text().splitlines())} if file.exists() else {}
    print(f"coverage of {LEVEL:.0%} intervals, mean of {given.seeds} draws with its 95 % interval\n")
    print("images  candidates  common  as they are              widened")
    for cell in [(n, k, c, given.seeds) for n in IMAGES for k in CANDIDATES for c in COMMON]:
        if cell not in done:
            rows = [coverages(*cell[:3], seed) for seed in range(given.seeds)]
            done[cell] = {"cell": cell, "before": [row[0] for row in rows], "after": [row[1] for row in rows]}
            with file.open("a") as stream:
                stream.write(json.dumps(done[cell]) + "\n")
        before, after = (mean_and_interval(done[cell][name]) for name in ("before", "after"))
        print(f"{cell[0]:6d}  {cell[1]:10d}  {cell[2]:6.1f}  {shown(before)}  {shown(after)}", flush=True)


if __name__ == "__main__":
    main()
