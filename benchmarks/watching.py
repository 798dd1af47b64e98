"""Drift in use: how often it is found where nothing changed, and how far the estimated accuracy is off where much did.

Each draw takes some groups of a set as the labeled images, fits the ridge head to EfficientNet-Lite0's last layer with a novelty
detector, and watches other images by the out-of-fold predictions, as a run does. "As they are": images of the same set; drift is
to be found in a share of the draws that is the level. "Shifts": the same images under each corruption at a strength of its own,
from the mildest to the middle one, and one draw with other class shares. The stress test that corrects the estimated accuracy
makes some of the labeled images worse, and leaves out the family of the corruption that is to be judged.

Expected: drift in at most 5 % of draws as they are, up to chance; a mean absolute error of the estimated accuracy under 4 points
over all shifts, printed beside that without a stress test, of each estimator alone, and of taking the held-out accuracy as it is.

`python -m benchmarks.watching --seeds 12` keeps features in the cache, and what was predicted under each shift in
OUT/watching_SET_SEED.npz; `--shift-seed` draws the images of the shifts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.coverage import NETWORK, drawn, task_of, vectors_of
from benchmarks.protocol import arguments, mean_and_interval
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.predictions import Predictions, joined
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.data.corrupted import corrupted
from headstart.data.corruptions import all_corruptions
from headstart.data.images import Embeddings, ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.evaluation.accuracy_estimators import ACCURACY_ESTIMATORS
from headstart.evaluation.drift import drift_of
from headstart.evaluation.intervals import wilson
from headstart.evaluation.stress import Condition, StressRow
from headstart.features.extract import features_of
from headstart.features.store.transient import transient_features
from headstart.methods.model import Model
from headstart.methods.probe.ridge import Ridge
from headstart.novelty.detector import fit_detector
from headstart.training.settings import Training

SETS = ("digits", "mnist", "fashion-mnist", "emoji")
NUM_LABELED = 400
NUM_NEW = 300
LEVEL = 0.05
STRENGTHS = 3
"""Strengths from the mildest on that corruptions take in turn."""
SHARES = "class shares"
NUM_STRESSED = 200
STRESSES = (1, 3, 5)
"""Labeled images of the stress test, and its strengths: a part of what `headstart stress` tries, as it takes minutes."""


def fitted(task: Task, rows: Integers) -> Model:
    """The ridge head of those labeled rows, with a novelty detector."""
    part, backbone = task.restricted_to(rows), load_backbone("embeddings")
    model = Ridge().fit(part, backbone, Training(seed=task.seed))
    return replace(model, novelty_detector=fit_detector(part, backbone))


def conditions() -> dict[str, int]:
    """Every corruption with its strength."""
    return {name: 1 + place % min(STRENGTHS, len(one.levels)) for place, (name, one) in enumerate(all_corruptions().items())}


def corrupted_vectors(place: str, rows: Integers, most: int, wanted: Iterable[Condition]) -> Iterator[tuple[Condition, ImageSet]]:
    """The feature vectors of some rows of a set under each corruption and strength."""
    task = read_task(place, test=None if place == "fashion-mnist" else 0)
    some = task.train.spaced(most).take(rows)
    backbone = load_backbone(NETWORK, input_pixels=input_pixels_for(card_of(NETWORK), task))
    for name, strength in wanted:
        features = features_of(corrupted(some, name, strength), backbone)
        vectors = Embeddings(np.array(features.penultimate[:], np.float32), f"{place} {name}", np.arange(len(some)))
        yield (name, strength), ImageSet(vectors, some.classes, some.labels, some.groups)


def stress_rows(place: str, labeled: Integers, task: Task, models: Models, most: int) -> list[StressRow]:
    """What a stress test finds of some labeled images, each predicted by the model of the fold that held it out."""
    chosen = np.sort(generator_for(task.seed, "watching", "stress").permutation(len(labeled))[:NUM_STRESSED])
    parts = [np.flatnonzero(np.isin(chosen, fold.held_out)) for fold in task.folds]
    every = all_corruptions()
    wanted = [(name, strength) for name, one in every.items() for strength in STRESSES if strength <= len(one.levels)]
    found = []
    for (name, strength), vectors in corrupted_vectors(place, labeled[chosen], most, wanted):
        made = joined(
            [model.predict(relabeled(vectors, task).take(part)) for model, part in zip(models.folds, parts, strict=True)]
        )
        accuracy = wilson(float(made.correct.sum()), len(made))
        given = models.held_out.probs, models.held_out.labels, made.probs
        estimates = {key: one(*given) for key, one in ACCURACY_ESTIMATORS.all().items()}
        family = every[name].family
        found.append(StressRow(corruption=name, family=family, strength=strength, accuracy=accuracy, estimates=estimates))
    return found


def relabeled(rows: ImageSet, task: Task) -> ImageSet:
    """The same rows, of classes that the task has, with its labels."""
    labels = np.array([task.classes.index(rows.classes[label]) for label in rows.labels])
    return replace(rows, classes=task.classes, hidden_labels=labels)


def watched(
    task: Task, new: ImageSet, models: Models, kept: dict[str, Floats], stressed: Sequence[StressRow] = ()
) -> dict[str, float]:
    """What drift says of new rows, and the truth; predictions are put into `kept`."""
    model, held_out = models.final, models.held_out
    truth = np.array([task.classes.index(new.classes[label]) for label in new.labels])
    predictions = model.predict_with_p_values(new)
    arrays = {"probs": predictions.probs, "truth": truth, "held out": held_out.probs, "labels": held_out.labels}
    kept |= {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    kept |= {} if predictions.p_values is None else {"p values": predictions.p_values}
    learned = wilson(float(held_out.correct.sum()), len(held_out))
    given = held_out, predictions, model.least_p_value, "out of fold", learned
    facts = {"same_model": False, "level": LEVEL, "seed": task.seed}
    plain = drift_of(*given, **facts)
    drift = drift_of(*given, **facts, stressed=stressed) if stressed else plain
    true, estimate = float((predictions.predicted == truth).mean()), drift.estimated_accuracy
    return {
        "found": float(drift.found),
        **{f"p {one.name}": one.p_value for one in drift.tests},
        "true": true,
        "covered": float(estimate.low <= true <= estimate.high),
        "width": estimate.high - estimate.low,
        "error estimated": estimate.value - true,
        "error without a stress test": plain.estimated_accuracy.value - true,
        "error of held-out accuracy": drift.learned_accuracy.value - true,
        **{f"error {name}": value - true for name, value in drift.estimates.items()},
    }


class Models(NamedTuple):
    """The model of all labeled rows, those of the folds, and what these predicted out of fold."""

    final: Model
    folds: list[Model]
    held_out: Predictions


def models_of(task: Task) -> Models:
    """All that is fitted to the labeled rows."""
    with transient_features():
        folds = [fitted(task, fold.fit) for fold in task.folds]
        held_out = [model.predict(task.labeled.take(fold.held_out)) for model, fold in zip(folds, task.folds, strict=True)]
        return Models(fitted(task, np.arange(len(task.labeled))), folds, joined(held_out))


def other_shares(new: ImageSet, seed: int) -> Integers:
    """Rows in which the first half of the classes is four times as frequent as before, against the others."""
    often = np.isin(new.labels, np.unique(new.labels)[::2])
    generator = generator_for(seed, "watching", "shares")
    return np.flatnonzero(often | (generator.uniform(size=len(new)) < 0.25))


def shifted(place: str, rows: ImageSet, most: int, out: Path, seed: int) -> Iterator[dict[str, object]]:
    """One draw of a set under every shift."""
    kept: dict[str, Floats] = {}
    labeled, others = drawn(rows, NUM_LABELED, seed)
    task = task_of(rows, labeled, seed)
    models = models_of(task)
    chosen = np.sort(generator_for(seed, "watching", place).permutation(others)[:NUM_NEW])
    new = rows.take(chosen)
    stressed = stress_rows(place, labeled, task, models, most)
    shifts = ((name, vectors) for (name, _), vectors in corrupted_vectors(place, chosen, most, conditions().items()))
    families = {name: one.family for name, one in all_corruptions().items()}
    for name, vectors in chain([("none", new), (SHARES, new.take(other_shares(new, seed)))], shifts):
        own: dict[str, Floats] = {}
        others_alone = [row for row in stressed if row.family != families.get(name)]
        found = watched(task, vectors, models, own, others_alone)
        kept |= {f"{name}/{key}": values for key, values in own.items()}
        if name != "none":
            yield {"set": place, "shift": name, **found}
    np.savez_compressed(out / f"watching_{place}_{seed}.npz", allow_pickle=False, **kept)


def as_they_are(place: str, rows: ImageSet, seeds: int) -> Iterator[dict[str, object]]:
    """Draws of a set in which nothing changed."""
    for seed in range(100, 100 + seeds):
        labeled, others = drawn(rows, NUM_LABELED, seed)
        task = task_of(rows, labeled, seed)
        chosen = np.sort(generator_for(seed, "watching", place).permutation(others)[:NUM_NEW])
        yield {"set": place, "seed": seed, **watched(task, rows.take(chosen), models_of(task), {})}


def main() -> None:
    """Print both tables."""
    options = arguments(__doc__ or "", seeds=10, sets=SETS, rows=2_000, shift_seed=0)
    alike: list[dict[str, object]] = []
    shifts: list[dict[str, object]] = []
    options.out.mkdir(parents=True, exist_ok=True)
    for place in options.sets:
        rows = vectors_of(place, options.rows)
        alike += as_they_are(place, rows, options.seeds)
        shifts += shifted(place, rows, options.rows, options.out, options.shift_seed)
        for name, part in (("as they are", alike), ("shifts", shifts)):
            print("\n".join(table(f"{place}, {name}", [one for one in part if one["set"] == place])), flush=True)
    for name, part in (("as they are", alike), ("shifts", shifts)):
        print("\n".join(table(f"all sets, {name}", part)))
    print("\n".join(f"{one['set']} {one['shift']}: {_numbers(one)}" for one in shifts))


def table(title: str, rows: list[dict[str, object]]) -> list[str]:
    """Shares of found drift and covered accuracies, and mean absolute errors; nothing of no draws."""
    if not rows:
        return []
    lines = [f"\n{title}, {len(rows)} draws"]
    for name in (name for name in rows[0] if name not in ("set", "seed", "shift", "true")):
        values = np.array([one[name] for one in rows], np.float64)
        if name.startswith("p "):
            lines.append(f"  {name}: at most {LEVEL} in {(values <= LEVEL).mean():.1%}")
        elif name.startswith("error"):
            mean, low, high = mean_and_interval(np.abs(values).tolist())
            lines.append(
                f"  {name}: mean absolute {100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}], mean {100 * values.mean():+.1f}"
            )
        else:
            lines.append(f"  {name}: {values.mean():.1%}")
    return lines


def _numbers(row: dict[str, object]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in row.items() if isinstance(value, float))


if __name__ == "__main__":
    main()
