"""Rejection of images whose class has no labels.

A third of the classes is removed from the labels; the images to predict have all classes. Two cases: from a source to an
unlabeled target, and within one set. Images are ranked by the model's confidence, by the score of `NoveltyDetector` with all
images compared together, by its conformal p-values of each image alone, and by other published measures. The area under the
ROC curve measures how well images of unknown classes are ranked last. The last rows are shares rejected at a threshold of
0.05: of known images, of unknown images, and of all images if no class is missing. `python -m benchmarks.open_set --seeds 5`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from scipy.stats import rankdata
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.rows import unit_rows
from headstart.core.seeds import generator_for
from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.reading import read_task
from headstart.data.sources.task_with_sources import only_sources
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.heads.class_statistics import class_means, compact
from headstart.heads.principal_components import principal_components
from headstart.methods import method_from
from headstart.novelty.detector import NUM_NEIGHBORS, fit_detector
from headstart.training.settings import Training

PAIRS = (("emoji-twemoji", "emoji-noto"), ("emoji-noto", "emoji-twemoji"), ("digits", "mnist"), ("mnist", "digits"))
ALONE = ("emoji-noto", "emoji-twemoji", "digits", "mnist")
MOST_TARGET = 1_500
MOST_KNOWN = 2_000
LEVEL = 0.05
AUROCS = ("confidence", "among each other", "p_values", "1st neighbor", "10th", "Mahalanobis", "relative M.", "energy")
COLUMNS = (*AUROCS, "accuracy on known", "known rejected", "unknown rejected", "closed: rejected")


class Case(NamedTuple):
    """What is learned from, and images of a set of classes of which a third is not among them."""

    task: Task
    closed: Task
    tested: ImageSet


def without_classes(task: Task, removed: np.ndarray) -> Task:
    out = np.isin(task.source.labels, removed)
    kept, rest = task.source.take(~out), task.source.take(out)
    rest = replace(rest, domains=("removed",) * len(rest))
    return only_sources(replace(task, source=concatenate(kept, rest)), kept.domain_names)


def removed_of(task: Task, seed: int) -> np.ndarray:
    return generator_for(seed, "benchmark", "open set").permutation(task.num_classes)[: task.num_classes // 3]


def few(images: ImageSet, most: int = MOST_TARGET) -> ImageSet:
    return images.take(np.arange(min(len(images), most)))


def across(target: str, source: str, seed: int) -> Case:
    task = read_task(target, seed, 0, sources=[source])
    partial = without_classes(task, removed_of(task, seed))
    closed, partial = (replace(one, unlabeled=few(one.unlabeled)) for one in (task, partial))
    return Case(partial, closed, few(partial.test).opened_for_evaluation())


def within(name: str, seed: int) -> Case:
    task = read_task(name, seed)
    removed = removed_of(task, seed)
    task = replace(task, train=few(task.train, MOST_KNOWN), validation=None)
    tested = few(task.test).opened_for_evaluation()
    hidden = np.where(np.isin(tested.labels, removed), -1, tested.labels)
    kept = task.restricted_to(np.flatnonzero(~np.isin(task.train.labels, removed)))
    return Case(kept, task, replace(tested, hidden_labels=hidden))


def peers(case: Case, backbone: Backbone) -> list[np.ndarray]:
    """Nearest neighbors (Sun et al. 2022), Mahalanobis distance (Lee et al. 2018) and the relative one (Ren et al. 2021)."""
    known = case.task.source or case.task.train
    pool = case.task.unlabeled or known
    of = {name: features_of(few(rows, MOST_KNOWN), backbone) for name, rows in (("known", known), ("pool", pool))}
    own = Representation.fitted(of["known"], "stages")
    rows = unit_rows(own.matrix(of["known"]))
    target_rows = unit_rows(Representation.fitted(of["pool"], "stages").matrix(features_of(case.tested, backbone)))
    cosines = np.sort(target_rows @ rows.T, axis=1)
    labels = compact(few(known, MOST_KNOWN).labels)
    axes = principal_components(rows, 128, 0)
    short, shown = rows @ axes, target_rows @ axes
    means = class_means(short, labels, int(labels.max()) + 1)
    tied, single = LedoitWolf().fit(short - means[labels]), LedoitWolf().fit(short)
    near = np.min([tied.mahalanobis(shown - mean) for mean in means], axis=0)
    return [cosines[:, -1], cosines[:, -10], -near, single.mahalanobis(shown) - near]


def among_each_other(target: ImageSet, source: ImageSet, backbone: Backbone, probs: Floats) -> Floats:
    """The mean of two ranks, by similarity to the source (cross-domain similarity local scaling) and by confidence, [target]."""
    features = [features_of(images, backbone) for images in (target, source)]
    rows, others = (unit_rows(Representation.fitted(one, "stages").matrix(one)) for one in features)
    cosines = rows @ others.T
    near = min(NUM_NEIGHBORS, len(rows))
    similarity = (2.0 * cosines - np.partition(cosines, len(rows) - near, axis=0)[-near:].mean(axis=0)).max(axis=1)
    return np.asarray((rankdata(similarity) + rankdata(probs.max(axis=1))) / (2.0 * len(target)))


def measured(case: Case, seed: int) -> list[float]:
    task, tested = case.task, case.tested
    backbone = load_backbone("efficientnet_lite0", "pretrained", 160 if task.native_pixels > 32 else 96, 0)
    model = method_from({"kind": "source_only" if task.source else "ridge"}).fit(task, backbone, Training(seed=seed))
    together = concatenate(tested, task.unlabeled) if task.unlabeled else tested
    probs = model.predict(together).probs
    among = among_each_other(together, task.source or task.train, backbone, probs)[: len(tested)]
    features = features_of(tested, backbone)
    p_values = fit_detector(task, backbone).p_values(features)
    closed = fit_detector(case.closed, backbone).p_values(features)
    probs, known = probs[: len(tested)], tested.labels >= 0
    energy = logsumexp(model.scores(tested) / model.temperature, axis=1)
    orders = [probs.max(axis=1), among, p_values, *peers(case, backbone), energy]
    right = (probs.argmax(axis=1) == tested.labels)[known]
    rejected = [np.mean(p_values[rows] <= LEVEL) for rows in (known, ~known)]
    return [*(roc_auc_score(known, order) for order in orders), right.mean(), *rejected, np.mean(closed <= LEVEL)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="run the cases whose title holds this")
    given = parser.parse_args()
    cases = [(f"{source} to {target}", lambda seed, pair=(target, source): across(*pair, seed)) for target, source in PAIRS]
    cases += [(f"within {name}", lambda seed, name=name: within(name, seed)) for name in ALONE]
    for title, case_of in [case for case in cases if given.only in case[0]]:
        values = np.array([measured(case_of(seed), seed) for seed in range(given.seeds)])
        print(title)
        for column, mean, spread in zip(COLUMNS, values.mean(axis=0), values.std(axis=0), strict=True):
            print(f"  {column.ljust(20)} {mean:.3f} +- {spread:.3f}", flush=True)


if __name__ == "__main__":
    main()
