"""`headstart run` on the embedded set against scikit-learn's logistic regression on the same backbone, images and split.

The reference is a careful baseline: penultimate features, standardized, C chosen from its own grid of ten values by five-fold
cross-validation.

Expected: at least 2 points of test accuracy above the reference, mean of 5 seeds, each run under 5 minutes on two cores.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.protocol import arguments, show
from headstart.backbones.loading import load_backbone
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.workflows.run import run


def logistic_accuracy(task: Task, name: str, input_pixels: int) -> float:
    """Test accuracy of the reference."""
    backbone = load_backbone(name, input_pixels=input_pixels)
    model = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=10, cv=5, max_iter=2000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # announcements about defaults; those of today are what is compared with
        model.fit(features_of(task.labeled, backbone).penultimate, task.labeled.labels)
    test = task.test.opened_for_evaluation()
    return float(np.mean(model.predict(features_of(test, backbone).penultimate) == test.labels))


def main() -> None:
    """Print one row a seed, and the means."""
    options = arguments(__doc__ or "", seeds=5)
    rows = []
    for seed in range(options.seeds):
        begun = time.perf_counter()
        done = run("emoji", seed=seed, minutes=options.minutes, out=options.out / f"emoji-{seed}")
        seconds = time.perf_counter() - begun
        task = read_task("emoji", seed=seed)
        top = done.plan if done.plan.weights != "none" else None
        name = top.pretrained if top else "efficientnet_lite0"
        pixels = top.input_pixels if top else 128
        ours = done.evaluation.accuracy.value
        reference = logistic_accuracy(task, name, pixels)
        rows.append(
            {
                "seed": seed,
                "headstart": ours,
                "logistic": reference,
                "gain": ours - reference,
                "seconds": seconds,
                "verdict": done.decision.verdict,
                "chosen": done.decision.chosen,
            }
        )
    show("embedded set, test accuracy", rows, ["headstart", "logistic", "gain", "seconds"])


if __name__ == "__main__":
    main()
