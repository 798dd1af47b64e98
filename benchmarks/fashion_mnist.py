"""Fashion-MNIST, all 60,000 images, ten minutes: the decision against transfer only and scratch only with the same budget.

Expected: at least 91.5 % test accuracy, and within 1 point of the better of "transfer only" and "scratch only".
"""

from __future__ import annotations

import time

from benchmarks.protocol import arguments, show
from headstart.workflows.run import run


def main() -> None:
    """Print one row a side."""
    options = arguments(__doc__ or "", seeds=1)
    rows = []
    for seed in range(options.seeds):
        for only in (None, "transfer", "scratch"):
            begun = time.perf_counter()
            folder = options.out / f"fashion-{only or 'both'}-{seed}"
            done = run("fashion-mnist", seed=seed, minutes=options.minutes or 10.0, only=only, out=folder)
            rows.append(
                {
                    "seed": seed,
                    "only": only or "both",
                    "accuracy": done.evaluation.accuracy.value,
                    "seconds": time.perf_counter() - begun,
                    "verdict": done.decision.verdict,
                    "chosen": done.decision.chosen,
                }
            )
    show("Fashion-MNIST, test accuracy", rows, [])


if __name__ == "__main__":
    main()
