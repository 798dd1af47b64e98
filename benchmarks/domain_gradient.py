"""Domain adaptation by gradient without target labels, on real pairs of domains, with the input side and budget of the product.

Pairs as in `benchmarks.domain_pairs`, with at most `--rows` labeled source rows and as many unlabeled target rows; tested on up
to 1,000 other target rows. EfficientNet-Lite0, cut in the middle; every method with its own settings and `Training()`.

The reference, "source alone", is the training of all methods with weight 0 on what is adapted: the same streams, steps,
smoothing and step sizes, so that nothing but the adaptation differs. `source_only`, ridge on frozen features of all stages, is
shown beside it, and so are `jdot`, the best adaptation in closed form, and "headstart", the closed forms that model selection
chooses, on which `adapted_self_training` builds. "headstart, trained" is model selection among closed forms and that method.

Columns: mean accuracy by pair in per cent; gain over the reference; the number of pairs with a gain; harm, the share of fits
more than a point below it; collapse, the share of fits that predict one class for more than 90 % of the rows, where the
reference does not; median seconds of a fit, the frozen part of the network included.

`OMP_NUM_THREADS=1 nice python -m benchmarks.domain_gradient --seeds 3` keeps every fit in OUT/domain_gradient_ROWS.jsonl, seed by
seed, and continues where it stopped; `--total-minutes` ends it between two fits. `--methods` names some methods, with settings
where they follow: "jan diversity=1" or "adapted_self_training trainer=mcc".
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._adapting import AUTOMATIC, HARM, Case, Cell, Row, cells_of, closed_forms, fill
from benchmarks.domain_pairs import made
from benchmarks.protocol import arguments
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.data.images import ImageSet
from headstart.methods import METHODS, method_from
from headstart.methods.model import Model
from headstart.planning.adapting.adapt import adaptation_to
from headstart.training.settings import Training

PAIRS = (
    "mnist to digits",
    "digits to mnist",
    "clothes to inverted",
    "clothes to rotated",
    "noto to twemoji",
    "twemoji to noto",
)
REFERENCE = "source alone"
ALONE = {"kind": "dan", "weight": 0.0, "diversity": 0.0}
"""The settings of the reference."""
CLOSED_FORMS = ("source_only", "jdot")
BUILT_ON = "adapted_self_training"
TRAINED = "headstart, trained"
COLLAPSED = 0.9
"""The share of rows in one class from which predictions have collapsed."""


def kinds() -> list[str]:
    """The reference, closed forms to compare with, and every method that adapts by gradient."""
    found = [kind for kind in METHODS.names() if {"source", "unlabeled"} <= set(METHODS.get(kind).needs)]
    return [REFERENCE, *CLOSED_FORMS, AUTOMATIC, *(kind for kind in found if METHODS.get(kind).cost == "gradient"), TRAINED]


def small(cell: Cell, rows: int) -> Case:
    """The cell's case with at most so many source and unlabeled rows."""
    case = made(cell)
    task = case.task
    assert task.source is not None
    assert task.unlabeled is not None

    def some(images: ImageSet, purpose: str) -> ImageSet:
        return images.take(np.sort(generator_for(task.seed, "domain gradient", purpose).permutation(len(images))[:rows]))

    cut = replace(task, source=some(task.source, "source"), unlabeled=some(task.unlabeled, "target"))
    return case._replace(task=cut)  # the labels of unlabeled rows are not needed


def settings_in(words: str) -> dict[str, Any]:
    """The settings in a method's name that is followed by numbers, as in "jan diversity=1"."""
    kind, *settings = words.split()
    return {"kind": kind, **{name: _value(text) for name, _, text in (one.partition("=") for one in settings)}}


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def fitted(kind: str, case: Case, steps: Steps) -> Model:
    """The model of a method, or of model selection."""
    task, backbone, _ = case
    if kind in (AUTOMATIC, TRAINED):
        given = {"methods": [*closed_forms(), BUILT_ON], "minutes": 60.0} if kind == TRAINED else {}
        chosen = adaptation_to(task, backbone, steps=steps, **given)
        methods = [method_from(one.method) for name in chosen.chosen for one in chosen.candidates if one.name == name]
    else:
        method = method_from(ALONE if kind == REFERENCE else settings_in(kind))
        built = method.built_on(adaptation_to(task, backbone, steps=steps).chosen) if method.builds_on_candidates else method
        methods = [built or METHODS.get("source_only")()]
    model, *partners = (one.fit(task, backbone, Training(seed=task.seed)) for one in methods)
    return replace(model, partners=tuple(partners))


def trained(kind: str, case: Case, steps: Steps) -> Row:
    """Accuracy, seconds and the share of the class that is predicted most often."""
    task = case.task
    assert task.test is not None
    begun = time.perf_counter()
    model = fitted(kind, case, steps)
    seconds = time.perf_counter() - begun
    test = task.test.opened_for_evaluation()
    predicted = model.predict(test).probs.argmax(axis=1)
    largest = np.bincount(predicted, minlength=task.num_classes).max() / len(predicted)
    return {"accuracy": float((predicted == test.labels).mean()), "largest": float(largest), "seconds": seconds}


def table(rows: Iterable[Row]) -> str:
    """Methods down, pairs across; see the module's docstring."""
    found = {(row["kind"], row["pair"], row["seed"]): row for row in rows if "accuracy" in row}
    reference = {key[1:]: row for key, row in found.items() if key[0] == REFERENCE}
    pairs = [pair for pair in PAIRS if any(key[0] == pair for key in reference)]
    heads = ["method", *pairs, "cells", "gain", "pairs with a gain", "harm", "collapse", "seconds"]
    lines = [heads, ["---"] * len(heads)]
    names = {kind for kind, _, _ in found}
    own = {name: [row for key, row in found.items() if key[0] == name and key[1:] in reference] for name in names}
    gains = {name: [(row, row["accuracy"] - _of(row, reference)["accuracy"]) for row in fits] for name, fits in own.items()}
    for name in sorted((name for name in names if own[name]), key=lambda name: -np.mean([gain for _, gain in gains[name]])):
        fits = own[name]
        means = [[row["accuracy"] for row in fits if row["pair"] == pair] for pair in pairs]
        by_pair = [[gain for row, gain in gains[name] if row["pair"] == pair] for pair in pairs]
        collapses = [row["largest"] > COLLAPSED >= _of(row, reference)["largest"] for row in fits]
        lines.append(
            [
                name,
                *(f"{100 * np.mean(mean):.1f}" if mean else "" for mean in means),
                str(len(fits)),
                f"{100 * np.mean([gain for _, gain in gains[name]]):+.1f}",
                f"{sum(bool(one) and np.mean(one) > 0 for one in by_pair)} of {sum(map(bool, by_pair))}",
                f"{np.mean([gain < -HARM for _, gain in gains[name]]):.0%}",
                f"{np.mean(collapses):.0%}",
                f"{np.median([row['seconds'] for row in fits]):.0f}",
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _of(row: Row, reference: dict[Cell, Row]) -> Row:
    return reference[row["pair"], row["seed"]]


def main() -> None:
    """Fit what is missing, seed by seed, and print the table."""
    given = arguments(__doc__ or "", 3, pairs=PAIRS, methods=("all",), rows=400, first_seed=0, total_minutes=600.0)
    wanted = kinds() if list(given.methods) == ["all"] else list(given.methods)
    cells = cells_of(given.pairs, given.seeds, given.first_seed)
    place = given.out / f"domain_gradient_{given.rows}.jsonl"
    print(table(fill(place, cells, wanted, lambda cell: small(cell, given.rows), given.total_minutes, trained)))


if __name__ == "__main__":
    main()
