"""Kernel ridge that is extended by new classes, with landmarks of the old images alone or of all: accuracy on test rows.

Eight classes of scikit-learn's digits, drawn at random, are learned first, then the other two, raw pixels of 20 images each. The
width of the kernel stays; ridge on the same pixels stands beside it. All other digits test.

    python -m benchmarks.extended_kernels --seeds 6
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.datasets import load_digits

from headstart.backbones.loading import load_backbone
from headstart.core.types import Floats, Integers
from headstart.data.images import ArrayImages, ImageSet
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods.heads import SolvedHead
from headstart.methods.probe.kernel_ridge import KernelRidge
from headstart.methods.probe.ridge import Ridge

PER_CLASS = 20
NUM_OLD = 8


def accuracies(seed: int) -> list[float]:
    """Of all classes and of the new ones, by the kernel with old landmarks, by that with all, and by ridge."""
    bunch, draw = load_digits(), np.random.default_rng(seed)
    labels: Integers = np.argsort(draw.permutation(10))[bunch.target]
    train = np.concatenate([draw.permutation(np.flatnonzero(labels == label))[:PER_CLASS] for label in range(10)])
    test = np.setdiff1d(np.arange(len(labels)), train)
    pixels = np.repeat((bunch.images * (255 / 16)).astype(np.uint8)[..., None], 3, axis=3)

    def images(rows: Integers) -> ImageSet:
        classes = tuple(map(str, range(10)))
        return ImageSet(ArrayImages(pixels[rows], "digits", rows), classes, labels[rows], np.arange(len(rows)))

    backbone = load_backbone("pixels", "none", 8)
    old = train[labels[train] < NUM_OLD]
    seen, known, unseen = (features_of(images(rows), backbone) for rows in (train, old, test))

    def scores(head: SolvedHead) -> Floats:
        fit = fit_ridge(head.inputs(seen), labels[train], 10)
        return head.solved(fit.weight, fit.bias).scores(unseen)

    kernel, _ = KernelRidge(blocks="penultimate").head_of(known, labels[old], NUM_OLD)
    ridge, _ = Ridge(blocks="penultimate").head_of(known, labels[old], NUM_OLD)
    new = labels[test] >= NUM_OLD
    found = []
    for head in (kernel, kernel.for_rows(seen, 0), ridge):
        assert isinstance(head, SolvedHead)
        right = scores(head).argmax(axis=1) == labels[test]
        found += [float(right.mean()), float(right[new].mean())]
    return found


def main() -> None:
    """Print the means over the draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    seeds = parser.parse_args().seeds
    means = 100 * np.mean([accuracies(seed) for seed in range(seeds)], axis=0)
    for name, place in (("old landmarks", 0), ("all landmarks", 2), ("ridge", 4)):
        print(f"{name:14} all classes {means[place]:.1f} %, new classes {means[place + 1]:.1f} %")


if __name__ == "__main__":
    main()
