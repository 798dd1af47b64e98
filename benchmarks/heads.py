"""Heads on the same features, rows and cores: scikit-learn's against headstart's, accuracy and seconds of fitting and
predicting.

Two kinds of features: the penultimate layer, standardized for scikit-learn, as is usual; and headstart's joined stages and
pixels, normalized by headstart for both sides. scikit-learn chooses its penalties as usual: ten values of C by five folds, and
ten of alpha by leave-one-out. The limit of ridge is arithmetic: the operations of one Gram matrix and one eigendecomposition,
divided by the machine's measured float64 rate.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegressionCV, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.limits import matrix_rate
from benchmarks.protocol import arguments, show
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.types import Floats
from headstart.data.reading import read_task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks, Representation
from headstart.methods.probe.logistic import Logistic
from headstart.methods.probe.ridge import Ridge

NAME = "efficientnet_lite0"
SETS = {"emoji": None, "digits": 20, "elpv": 50}
EIGEN_OPERATIONS = 9
"""Operations of a symmetric eigendecomposition with vectors, over the cube of its side: Golub & Van Loan, "Matrix Computations",
4th edition, section 8.3."""


class Rows:
    """The features of a task's training and test rows, and what a scikit-learn user would make of them."""

    def __init__(self, place: str, seed: int) -> None:
        self.task = read_task(place, seed, SETS[place])
        backbone = load_backbone(NAME, input_pixels=input_pixels_for(card_of(NAME), self.task))
        test = self.task.test.opened_for_evaluation()
        self.train, self.test = features_of(self.task.labeled, backbone), features_of(test, backbone)
        self.labels, self.truth = self.task.labeled.labels, test.labels

    def matrices(self, blocks: Blocks) -> tuple[Floats, Floats]:
        """Training and test features for scikit-learn."""
        if blocks == "penultimate":
            scaler = StandardScaler().fit(self.train.penultimate)
            return scaler.transform(self.train.penultimate), scaler.transform(self.test.penultimate)
        representation = Representation.fitted(self.train, blocks)
        return representation.matrix(self.train), representation.matrix(self.test)


def _ours(method: Ridge | Logistic) -> Callable[[Rows], Floats]:
    def predict(rows: Rows) -> Floats:
        train: FeatureSet = rows.train
        head, _ = method.head_of(train, rows.labels, rows.task.num_classes, rows.task.labeled.groups)
        return head.scores(rows.test).argmax(axis=1)

    return predict


def _theirs(make: Callable[[], object], blocks: Blocks) -> Callable[[Rows], Floats]:
    def predict(rows: Rows) -> Floats:
        train, test = rows.matrices(blocks)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # announcements about defaults, and penalties at which the solver was cut off
            return make_pipeline(make()).fit(train, rows.labels).predict(test)

    return predict


def heads(blocks: Blocks) -> dict[str, Callable[[Rows], Floats]]:
    """What predicts the test rows' labels, by name."""
    return {
        "ridge": _ours(Ridge(blocks=blocks)),
        "logistic": _ours(Logistic(blocks=blocks)),
        "sklearn ridge": _theirs(lambda: RidgeClassifierCV(np.logspace(-2, 7, 10)), blocks),
        "sklearn logistic": _theirs(lambda: LogisticRegressionCV(Cs=10, cv=5, max_iter=2000), blocks),
    }


def arithmetic_seconds(num_rows: int, width: int, rate: float) -> float:
    """What ridge's products alone would take."""
    side = min(num_rows, width)
    return (2 * num_rows * width * side + EIGEN_OPERATIONS * side**3) / rate


def measured(rows: Rows, seed: int, blocks: Blocks, rate: float) -> tuple[dict[str, object], dict[str, object]]:
    """Accuracies and seconds of all heads."""
    accuracies: dict[str, object] = {"seed": seed}
    seconds: dict[str, float] = {}
    for name, predict in heads(blocks).items():
        begun = time.perf_counter()
        accuracies[name] = float(np.mean(predict(rows) == rows.truth))
        seconds[name] = time.perf_counter() - begun
    width = rows.matrices(blocks)[0].shape[1]
    limit = arithmetic_seconds(len(rows.labels), width, rate)
    ratios = {f"{name}: sklearn / headstart": seconds[f"sklearn {name}"] / seconds[name] for name in ("ridge", "logistic")}
    return accuracies, {"seed": seed, **seconds, "ridge's arithmetic": limit, **ratios}


def main() -> None:
    """Print accuracies and seconds of each set and kind of features."""
    options = arguments(__doc__ or "", seeds=3, sets=tuple(SETS))
    rate = matrix_rate(torch.float64)
    for place in options.sets:
        every = [Rows(place, seed) for seed in range(options.seeds)]
        for blocks in ("penultimate", "stages+pixels"):
            both = [measured(rows, seed, blocks, rate) for seed, rows in enumerate(every)]
            accuracies, seconds = (list(part) for part in zip(*both, strict=True))
            show(f"{place}, {blocks}: test accuracy", accuracies, list(heads(blocks)))
            show(f"{place}, {blocks}: seconds", seconds, [], [name for name in seconds[0] if "/" in name])


if __name__ == "__main__":
    main()
