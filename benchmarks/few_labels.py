"""Two sets with few labels on which the right decision differs: handwritten digits and solar cells.

Expected: digits with 10 labels a class reach at least 93 % without a probe on penultimate features and without full
fine-tuning of ImageNet weights; solar cells with 50 labels a class reach a balanced accuracy of at least 75.5 % with the
verdict "transfer"; means of 3 seeds.
"""

from __future__ import annotations

import time

from benchmarks.protocol import arguments, show
from headstart.workflows.run import run

SETS = {"digits": 10, "elpv": 50}


def main() -> None:
    """Print one row a seed and set, and the means."""
    options = arguments(__doc__ or "", seeds=3)
    for name, per_class in SETS.items():
        rows = []
        for seed in range(options.seeds):
            begun = time.perf_counter()
            folder = options.out / f"{name}-{per_class}-{seed}"
            done = run(name, seed=seed, per_class=per_class, minutes=options.minutes, out=folder)
            metrics = done.evaluation.metrics
            rows.append(
                {
                    "seed": seed,
                    "accuracy": metrics["accuracy"].value,
                    "balanced": metrics["balanced_accuracy"].value,
                    "ece": metrics["ece"].value,
                    "seconds": time.perf_counter() - begun,
                    "verdict": done.decision.verdict,
                    "chosen": done.decision.chosen,
                }
            )
        show(f"{name}, {per_class} labels a class", rows, ["accuracy", "balanced", "seconds"])


if __name__ == "__main__":
    main()
