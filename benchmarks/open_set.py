"""Images of classes that the source does not have: are they refused?

A third of the classes is taken out of the source; the target, without labels, has all. A model is fitted to the source alone and
its answers for all target images are ordered by familiarity; the area under the ROC curve says how well images of unknown classes
come out last. `python -m benchmarks.open_set --seeds 5`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from sklearn.metrics import roc_auc_score

from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.data.domains import only_sources
from headstart.data.task import Task, concatenate
from headstart.features.familiarity import familiarity
from headstart.methods import method_from
from headstart.training.settings import Training

PAIRS = (("emoji-twemoji", "emoji-noto"), ("emoji-noto", "emoji-twemoji"), ("digits", "mnist"), ("mnist", "digits"))
MOST_TARGET = 1_500


def without_classes(task: Task, gone: np.ndarray) -> Task:
    out = np.isin(task.source.labels, gone)
    kept, rest = task.source.take(~out), task.source.take(out)
    rest = replace(rest, domains=("gone",) * len(rest))
    return only_sources(replace(task, source=concatenate(kept, rest)), kept.domain_names)


def measured(target: str, source: str, seed: int) -> tuple[float, float, float]:
    task = Task.from_folder(target, seed, 0, sources=[source])
    gone = generator_for(seed, "benchmark", "open set").permutation(task.num_classes)[: task.num_classes // 3]
    partial = without_classes(task, gone)
    backbone = load_backbone("efficientnet_lite0", "pretrained", 160 if task.native_pixels > 32 else 96, 0)
    tested = partial.test.take(np.arange(min(len(partial.test), MOST_TARGET)))
    free = partial.unlabeled.take(np.arange(min(len(partial.unlabeled), MOST_TARGET)))
    model = method_from({"kind": "source_only"}).fit(partial, backbone, Training(seed=seed))
    images = concatenate(tested.opened_for_evaluation(), free)
    probs = model.predict(images).probs
    scores = familiarity(images, partial.source, backbone, probs)[: len(tested)]
    probs, truth = probs[: len(tested)], tested.opened_for_evaluation().labels
    known = truth >= 0
    right = probs.argmax(axis=1)[known] == truth[known]
    return roc_auc_score(known, probs.max(axis=1)), roc_auc_score(known, scores), float(right.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    print("pair                             AUROC by confidence  by familiarity  accuracy on known classes")
    for target, source in PAIRS:
        values = np.array([measured(target, source, seed) for seed in range(given.seeds)])
        means, spreads = values.mean(axis=0), values.std(axis=0)
        cells = "  ".join(f"{mean:.3f} +- {spread:.3f}" for mean, spread in zip(means, spreads, strict=True))
        print(f"{source} to {target}".ljust(34) + cells, flush=True)


if __name__ == "__main__":
    main()
