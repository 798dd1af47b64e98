"""What weights are expected of an ensemble without a default head: equal ones, or all weight on the best in the sample.

Reads finished runs: `python -m benchmarks.prior_weights --runs RUN...`. The candidates without transferred knowledge, on the
rows that all of them predicted out of fold, are weighed on 70 % of the rows with either prior and judged on the others.

Expected: log loss with equal weights minus that with all weight on the best in the sample, below zero on each run or near it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.protocol import arguments
from headstart.backbones.loading import load_backbone
from headstart.core.steps import Steps
from headstart.heads.opinion_pool import Prior
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated, cross_validate
from headstart.planning.deciding.ensemble import MOST_MEMBERS, Pool
from headstart.planning.fitting import task_of_plan
from headstart.planning.plan import Recipe
from headstart.runs.run import Run

FAMILIES = ("scratch", "baseline")
SHARE = 0.7


def candidates_of(run: Run) -> list[CrossValidated]:
    """The candidates without transferred knowledge, with their out-of-fold predictions as the run keeps them."""
    task, steps, found = task_of_plan(run.plan), Steps(run.folder / "steps"), []
    for one in run.decision.results if run.decision else ():
        if one.family in FAMILIES and one.status == "fitted" and not one.partners:
            candidate = Candidate(family=one.family, **{name: getattr(one, name) for name in Recipe.model_fields})
            backbone = load_backbone(candidate.pretrained, candidate.weights, candidate.input_pixels, task.seed)
            found.append(cross_validate(task, candidate, backbone, task.folds[: one.num_folds], steps, keep_models=True))
    return found


def pool_of(run: Run) -> Pool | None:
    """Their pool on the rows that all of them predicted."""
    predicted = [(one, one.predictions) for one in candidates_of(run)]
    names = min((found.names for _, found in predicted if found is not None), key=len, default=())
    return Pool.of([shared for one, _ in predicted if (shared := one.on_rows(names)) is not None], FAMILIES)


def log_loss(whole: Pool, rows: np.ndarray, prior: np.ndarray, judged: np.ndarray) -> float:
    """Of the ensemble that is chosen on some rows with that prior mean, on the other rows."""
    part = whole._replace(logs=whole.logs[:, rows], labels=whole.labels[rows], prior=Prior(prior, whole.prior.std))
    probs = whole.probs(part.chosen(MOST_MEMBERS))
    return float(-np.log(np.maximum(probs[judged, whole.labels[judged]], 1e-12)).mean())


def differences(pool: Pool, num_draws: int) -> np.ndarray:
    """Log loss with equal weights minus that with all weight on the best in the sample, by draw."""
    draw, count = np.random.default_rng(0), len(pool.candidates)
    found = []
    for _ in range(num_draws):
        rows = draw.random(len(pool.labels)) < SHARE
        if rows.all() or not rows.any():
            continue
        best = np.zeros(count)
        best[int(pool.losses()[:, rows].sum(axis=1).argmin())] = 1.0
        found.append(log_loss(pool, rows, np.full(count, 1 / count), ~rows) - log_loss(pool, rows, best, ~rows))
    return np.array(found)


def main() -> None:
    """One line a run."""
    options = arguments(__doc__, 20, runs=("runs/demo",))
    for folder in options.runs:
        pool = pool_of(Run(Path(folder)))
        if pool is not None and len(pool.candidates) > 1:
            found = differences(pool, options.seeds)
            names = ", ".join(one.result.name for one in pool.candidates)
            print(f"{folder}: {found.mean():+.4f} (sd {found.std():.4f}) on {len(pool.labels):,} rows; {names}")


if __name__ == "__main__":
    main()
