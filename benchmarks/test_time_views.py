"""Views at prediction: accuracy on test rows when the probabilities of an image and of its mirror image are averaged.

A cell is "set:labels a class". Each draw takes so many labels and tests on others. Ridge is fitted to plain images; the mean is
geometric. The gain is that of the mean over the plain image alone, for one network and for the mean of three. Beside it stands
how often out-of-fold predictions of the labels would have chosen the mean (a one-sided 95 % bound of the gain in log loss).
"""

from __future__ import annotations

import numpy as np

from benchmarks.opinion_pools import NETWORKS
from benchmarks.protocol import arguments, mean_and_interval
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.predictions import Predictions, joined, mean_of
from headstart.data.flipped import flipped
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.planning.deciding.verdict import ONE_SIDED_95, Side, advantage
from headstart.training.settings import Training

CELLS = ("emoji:5", "emoji:10", "fashion-mnist:10", "digits:10", "elpv:50")
MOST_TEST = 1_000


def both(task: Task, rows: ImageSet, names: tuple[str, ...]) -> tuple[Predictions, Predictions]:
    """Predictions of rows by ridge on each network, averaged over the networks: of the images, and of both views."""
    plain, views = [], []
    for name in names:
        backbone = load_backbone(name, "pretrained", input_pixels_for(card_of(name), task))
        model = method_from({"kind": "ridge"}).fit(task, backbone, Training())
        plain.append(model.predict(rows))
        views.append(mean_of([plain[-1], model.predict(flipped(rows))]))
    return mean_of(plain), mean_of(views)


def gain(cell: str, seed: int, names: tuple[str, ...]) -> tuple[float, float, bool]:
    """Points of accuracy and nats of log loss that the second view gains, and whether folds would have chosen it."""
    name, per_class = cell.split(":")
    task = read_task(name, seed, int(per_class))
    if task.test is None:
        raise SystemExit(f"{cell} leaves no images to test on.")
    test = task.test.opened_for_evaluation()
    test = test.take(np.sort(np.random.default_rng(seed).permutation(len(test))[:MOST_TEST]))
    plain, views = both(task, test, names)
    folds = [both(task.restricted_to(fold.fit), task.labeled.take(fold.held_out), names) for fold in task.folds]
    held_out = [joined([pair[place] for pair in folds]) for place in (0, 1)]
    chosen = advantage(Side("both", held_out[1]), Side("plain", held_out[0])) > ONE_SIDED_95
    points = 100 * float(views.correct.mean() - plain.correct.mean())
    return points, float(plain.log_losses.mean() - views.log_losses.mean()), chosen


def main() -> None:
    """Print the table."""
    given = arguments(__doc__ or "", seeds=3, sets=CELLS)
    print("| cell | one network | chosen | mean of three | chosen |")
    print("|---|---|---|---|---|")
    every: dict[int, list[float]] = {1: [], 3: []}
    for cell in given.sets:
        cells = []
        for count, points in every.items():
            found = [gain(cell, seed, NETWORKS[:count]) for seed in range(given.seeds)]
            points += [one[0] for one in found]
            mean = np.mean([one[:2] for one in found], axis=0)
            cells.append(f"{mean[0]:+.1f} / {mean[1]:+.3f} | {sum(one[2] for one in found)} of {len(found)}")
        print(f"| {cell} | {' | '.join(cells)} |", flush=True)
    for count, points in every.items():
        mean, low, high = mean_and_interval(points)
        print(f"{count} network{'s' * (count > 1)}: {mean:+.2f} points [{low:+.2f}, {high:+.2f}], {len(points)} draws")


if __name__ == "__main__":
    main()
