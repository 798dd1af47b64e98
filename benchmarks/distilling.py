"""One network in place of an ensemble of closed forms: accuracy and log loss on test rows, as gains on ridge on its features.

A cell is "set:labels a class". Each draw takes so many labels. Of all other images one half, a thousand at most, is unlabeled,
and as many of the other half are the test. The ensemble's weights are those of the run, chosen by out-of-fold predictions of
the labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.opinion_pools import candidates
from benchmarks.protocol import arguments, mean_and_interval
from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.folders import cache_folder
from headstart.core.predictions import Predictions, mean_of
from headstart.core.steps import Steps
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.heads.class_statistics import one_hot
from headstart.heads.ridge_leave_one_out import fit_soft_ridge
from headstart.methods import method_from
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import combined, cross_validate, fit_rows
from headstart.planning.deciding.ensemble import Pool
from headstart.training.settings import Training

CELLS = ("digits:10", "digits:20", "mnist:10", "fashion-mnist:10", "emoji:5", "emoji:10", "elpv:50")
MOST_UNLABELED, MOST_TEST = 1_000, 1_000
LABEL_SHARES = (0.0, 0.5, 0.7)
"""Of the label in the target of a labeled row, the rest being what the ensemble says of it out of fold."""
NAMES = ("ensemble", *(f"out-of-fold probs, label share {share}" for share in LABEL_SHARES), "taught", "taught by itself")


def backbone_for(one: Candidate) -> Backbone:
    """A candidate's network."""
    return load_backbone(one.pretrained, one.weights, one.input_pixels)


def drawn(cell: str, seed: int) -> Task:
    """The task of a cell, with unlabeled images and a test that can be read."""
    name, per_class = cell.split(":")
    task = read_task(name, seed, int(per_class))
    if task.test is None:
        raise SystemExit(f"{cell} leaves no images to test on.")
    free = task.test.opened_for_evaluation()
    order = np.random.default_rng(seed).permutation(len(free))
    count = min(MOST_UNLABELED, len(free) // 2)
    unlabeled = free.take(order[:count])
    hidden = replace(unlabeled, hidden_labels=np.full(count, -1, np.int64))
    return replace(task, unlabeled=hidden, test=free.take(np.sort(order[count : count + MOST_TEST])))


def soft_head(task: Task, backbone: Backbone, probs: np.ndarray) -> Model:
    """Ridge on soft labels of the labeled rows."""
    features, rows = features_of(task.train, backbone), np.arange(len(task.train))
    representation = Representation.fitted(features, "stages+pixels")
    fit = fit_soft_ridge(representation.rows(features), probs, np.ones(len(rows)), rows)
    return Model(
        backbone, LinearHead(representation, np.asarray(fit.weight, np.float32), fit.bias), fit.temperature, task.classes
    )


def predictions(cell: str, seed: int) -> dict[str, Predictions]:
    """What each model predicts for the test rows of one draw."""
    task, steps = drawn(cell, seed), Steps(cache_folder() / "distilling")
    tried = candidates(task)
    validated = [cross_validate(task, one, backbone_for(one), task.folds, steps) for one in tried]
    pool = Pool.of(validated)
    assert pool is not None
    assert task.test is not None
    places, shares = pool.chosen(5)
    rows = np.arange(len(task.labeled))
    members = [fit_rows(task, rows, tried[place], backbone_for(tried[place]), None) for place in places]
    network = backbone_for(tried[0])
    found = {
        "labels": fit_rows(task, rows, tried[0], network, None).predict(task.test),
        "ensemble": mean_of([one.predict(task.test) for one in members], shares),
    }
    own = one_hot(task.train.labels, task.num_classes)
    together = (
        combined([validated[place] for place in places], shares).predictions if len(places) > 1 else validated[0].predictions
    )
    assert together is not None
    where = {name: row for row, name in enumerate(together.names)}
    soft = together.probs[[where[task.train.images.name(row)] for row in range(len(task.train))]]
    for share in LABEL_SHARES:
        model = soft_head(task, network, share * own + (1 - share) * soft)
        found[f"out-of-fold probs, label share {share}"] = model.predict(task.test)
    for name, chosen in (("taught", zip(places, shares, strict=True)), ("taught by itself", ())):
        teachers = [teacher(tried[place], share) for place, share in chosen]
        method = method_from({"kind": "ensemble_distillation", "teachers": teachers})
        found[name] = method.fit(task, network, Training()).predict(task.test)
    return found


def teacher(one: Candidate, share: float) -> dict[str, Any]:
    """A candidate as a teacher."""
    return {**{name: getattr(one, name) for name in ("pretrained", "weights", "input_pixels", "method")}, "share": share}


def gains(cell: str, seeds: int) -> Iterator[dict[str, tuple[float, float]]]:
    """Of each draw, points of accuracy and nats of log loss that each model gains on ridge on labels."""
    for seed in range(seeds):
        found = predictions(cell, seed)
        base = found.pop("labels")
        yield {
            name: (100 * float(one.correct.mean() - base.correct.mean()), float(base.log_losses.mean() - one.log_losses.mean()))
            for name, one in found.items()
        }


def main() -> None:
    """Print the table: gain in points / gain in log loss."""
    given = arguments(__doc__ or "", seeds=3, sets=CELLS)
    print(f"| cell | {' | '.join(NAMES)} |")
    print("|---|" + "---|" * len(NAMES))
    every: list[dict[str, tuple[float, float]]] = []
    for cell in given.sets:
        draws = list(gains(cell, given.seeds))
        every += draws
        means = [np.mean([draw[name] for draw in draws], axis=0) for name in NAMES]
        print(f"| {cell} | {' | '.join(f'{points:+.1f} / {loss:+.3f}' for points, loss in means)} |", flush=True)
    for name in NAMES:
        points, low, high = mean_and_interval([draw[name][0] for draw in every])
        loss = float(np.mean([draw[name][1] for draw in every]))
        print(f"{name}: {points:+.2f} points [{low:+.2f}, {high:+.2f}], log loss lower by {loss:+.3f}, {len(every)} draws")


if __name__ == "__main__":
    main()
