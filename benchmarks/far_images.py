"""Images of another kind, and of unknown classes of the same kind: how many are flagged, with and without lengths of features.

Known classes and labels are drawn from one set; other images of these classes are known, those of its other classes are near, and
those of the other sets are far. Shares of each that are flagged at 0.05, and the AUROC of near against known images.
`python -m benchmarks.far_images --seeds 10`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.protocol import arguments
from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.novelty.detector import UNUSUAL, NoveltyDetector, fit_detector

SETS = ("emoji-noto", "digits", "elpv", "fashion-mnist")
CELLS = (
    ("emoji-noto", 6, 10),
    ("emoji-noto", 14, 15),
    ("digits", 7, 8),
    ("digits", 7, 30),
    ("elpv", 2, 15),
    ("elpv", 2, 50),
    ("fashion-mnist", 7, 5),
    ("fashion-mnist", 7, 20),
)
"""A set, how many of its classes are known, and the labels of each."""
MOST_IMAGES = 700


def main() -> None:
    """Print one line a cell and detector: mean shares over the seeds."""
    options = arguments(__doc__ or "", seeds=10, pretrained="efficientnet_lite0", pixels=96)
    backbone = load_backbone(options.pretrained, input_pixels=options.pixels)
    pools = {name: drawn(name) for name in SETS}
    features = {name: features_of(pool, backbone) for name, pool in pools.items()}
    for name, num_classes, per_class in CELLS:
        found: dict[str, list[tuple[float, ...]]] = {"directions": [], "and lengths": []}
        for seed in range(options.seeds):
            rows, known, near = draw(pools[name], num_classes, per_class, seed)
            detector = detector_of(name, pools[name], rows, backbone)
            for kind, one in (("directions", detector.without_norms()), ("and lengths", detector)):
                found[kind].append(tuple(shares(one, name, known, near, features)))
        for kind, values in found.items():
            cells = "  ".join(f"{value:.3f}" for value in np.mean(values, axis=0))
            far = ", ".join(other for other in SETS if other != name)
            sys.stdout.write(f"{name} {num_classes * per_class} labels, {kind}: known, near, AUROC, {far}: {cells}\n")


def drawn(name: str) -> ImageSet:
    """Images of a built-in set."""
    images = read_task(name, seed=0, per_class=60).train
    return images.take(np.random.default_rng(0).permutation(len(images))[:MOST_IMAGES])


def draw(pool: ImageSet, num_classes: int, per_class: int, seed: int) -> tuple[Integers, Integers, Integers]:
    """Rows to learn from, other rows of these classes, and rows of the other classes."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.unique(pool.labels))[:num_classes]
    rows = np.concatenate([rng.permutation(np.flatnonzero(pool.labels == label))[:per_class] for label in classes])
    of_them = np.isin(pool.labels, classes)
    return rows, np.setdiff1d(np.flatnonzero(of_them), rows), np.flatnonzero(~of_them)


def detector_of(name: str, pool: ImageSet, rows: Integers, backbone: Backbone) -> NoveltyDetector:
    """The detector of a task with those labeled rows."""
    classes, labels = np.unique(pool.labels[rows], return_inverse=True)
    names = tuple(map(str, classes))
    train = replace(pool.take(rows), classes=names, hidden_labels=labels.astype(np.int64))
    detector = fit_detector(Task(name, names, train), backbone)
    assert detector is not None
    return detector


def shares(
    detector: NoveltyDetector, name: str, known: Integers, near: Integers, features: dict[str, FeatureSet]
) -> Iterator[float]:
    """Shares flagged of known and near images, the AUROC of near against known ones, and the shares of each other set."""
    own = [detector.p_values(features[name].take(rows)) if len(rows) else np.ones(0) for rows in (known, near)]
    yield float((own[0] < UNUSUAL).mean())
    yield float((own[1] < UNUSUAL).mean()) if len(near) else np.nan
    yield float(roc_auc_score(np.arange(sum(map(len, own))) < len(known), np.concatenate(own))) if len(near) else np.nan
    for other, far in features.items():
        if other != name:
            yield float((detector.p_values(far) < UNUSUAL).mean())


if __name__ == "__main__":
    main()
