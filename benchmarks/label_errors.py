"""Wrong labels found: 5 and 10 % of the labels of four sets flipped, beside cleanlab on the same probabilities.

Labels are flipped to any other class ("uniform") or to the class whose mean features are nearest ("nearest"). Probabilities are
the leave-one-out ones of a ridge head on all stages of EfficientNet-Lite0, groups left out whole, fitted to the flipped labels;
features are extracted once. Precision at recall 0.6 is that of the shortest head of the ranking that holds 60 % of the flipped
labels. Own mistakes of a set count as right labels. Cleanlab ranks by self-confidence or normalized margin; it flags by noise
rates, as `find_label_issues` does by default. Finished cells are kept in OUT/label_errors.jsonl.

"elpv, sure" leaves out the solar cells whose label its experts were not sure of. `--ways` adds what was tried for that set.

Expected (5 seeds): precision at recall 0.6 of 0.7 or more, but for solar cells with 5 % flipped; at most 2 % of clean labels
flagged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from benchmarks.protocol import arguments, mean_and_interval, show
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.rows import unit_rows
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.evaluation.label_errors import AssessedLabels, assess_labels
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.heads.class_statistics import class_means
from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.heads.neighbor_probs import neighbor_probs
from headstart.heads.ridge_leave_one_out import fit_ridge

NETWORK = "efficientnet_lite0"
SETS = ("digits", "emoji", "elpv", "elpv, sure", "fashion-mnist")
MOST_ROWS = 4_000
CASES = (("clean", 0.0), ("uniform", 0.05), ("uniform", 0.1), ("nearest", 0.05), ("nearest", 0.1))
RECALL = 0.6


class Rows(NamedTuple):
    """A set: float32 [sample, feature], int64 [sample] labels and groups, the number of classes."""

    features: Floats
    labels: Integers
    groups: Integers
    num_classes: int


def sure_cells(images: ImageSet) -> Booleans:
    """The solar cells whose experts were sure that they are defective, or functional."""
    import elpv_dataset  # noqa: PLC0415

    lines = [line.split() for line in (Path(elpv_dataset.__file__).parent / "data" / "labels.csv").read_text().splitlines()]
    probs = {Path(line[0]).name: float(line[1]) for line in lines if line}
    return np.array([probs[Path(images.images.name(row)).name] in (0.0, 1.0) for row in range(len(images))])


def rows_of(name: str) -> Rows:
    place = name.partition(",")[0]
    task = read_task(place, test=None if place == "fashion-mnist" else 0)
    images = task.train.spaced(MOST_ROWS)
    images = images.take(sure_cells(images)) if "sure" in name else images
    features = features_of(images, load_backbone(NETWORK, input_pixels=input_pixels_for(card_of(NETWORK), task)))
    matrix = np.asarray(Representation.fitted(features, "stages").rows(features)[:], np.float32)
    return Rows(matrix, images.labels, images.groups, images.num_classes)


def flipped(rows: Rows, kind: str, share: float, seed: int) -> tuple[Integers, Booleans]:
    """The labels after flipping, and which were flipped."""
    generator = generator_for(seed, "benchmark", "label errors")
    chosen = generator.permutation(len(rows.labels))[: round(share * len(rows.labels))]
    labels = rows.labels.copy()
    if kind == "uniform":
        labels[chosen] = (labels[chosen] + generator.integers(1, rows.num_classes, len(chosen))) % rows.num_classes
    elif kind == "nearest":
        means = class_means(rows.features, rows.labels, rows.num_classes)
        distances = ((means[:, None] - means) ** 2).sum(axis=2) + np.diag(np.full(rows.num_classes, np.inf))
        labels[chosen] = distances.argmin(axis=1)[labels[chosen]]
    return labels, np.isin(np.arange(len(labels)), chosen)


def leave_one_out(rows: Rows, labels: Integers, weights: Floats | None = None) -> Floats:
    fit = fit_ridge(rows.features, labels, rows.num_classes, weights, rows.groups)
    return softmax(fit.loo_scores / fit.temperature, axis=1)


def precision(order: Integers, wrong: Booleans) -> float:
    found = np.cumsum(wrong[order])
    return float(found[(head := int(np.searchsorted(found, np.ceil(RECALL * wrong.sum()))))] / (head + 1))


def flags(flagged: Booleans, wrong: Booleans) -> tuple[float, float]:
    """Precision, 1 where nothing is flagged, and recall."""
    return float(wrong[flagged].mean()) if flagged.any() else 1.0, float(flagged[wrong].mean())


def cell(name: str, rows: Rows, kind: str, share: float, seed: int) -> dict[str, object]:
    from cleanlab.filter import find_label_issues  # noqa: PLC0415  of the extra "benchmark"
    from cleanlab.rank import get_label_quality_scores  # noqa: PLC0415

    labels, wrong = flipped(rows, kind, share, seed)
    probs = leave_one_out(rows, labels)
    neighbors = neighbor_probs(unit_rows(rows.features), labels, rows.groups, rows.num_classes)
    found = assess_labels(probs, labels, neighbors, (rows.groups,))
    alone = assess_labels(probs, labels)
    theirs = np.asarray(find_label_issues(labels, probs))
    made: dict[str, object] = {"set": name, "flips": kind, "share": share, "seed": seed, "labels": len(labels)}
    made |= {"accuracy": float((probs.argmax(axis=1) == rows.labels).mean()), "noise found": found.noise}
    made |= {"flagged": float(found.flagged.mean()), "flagged by cleanlab": float(theirs.mean())}
    if not share:
        return made
    by = {
        rule: np.argsort(get_label_quality_scores(labels, probs, method=rule))
        for rule in ("self_confidence", "normalized_margin")
    }
    made |= {"P@60": precision(found.order, wrong), "P@60, same probs": precision(alone.order, wrong)}
    made |= {f"P@60, cleanlab {rule}": precision(order, wrong) for rule, order in by.items()}
    made |= dict(zip(("precision", "recall"), flags(found.flagged, wrong), strict=True))
    made |= dict(zip(("cleanlab precision", "cleanlab recall"), flags(theirs, wrong), strict=True))
    sure = found.flagged & wrong
    made["suggestion right"] = float((found.suggested == rows.labels)[sure].mean()) if sure.any() else float("nan")
    return made


def other_ways(rows: Rows, seed: int, share: float) -> dict[str, object]:
    """What else was tried on solar cells: a second fit without suspects, and a ridge head on a Gaussian kernel, too."""
    labels, wrong = flipped(rows, "uniform", share, seed)

    def ranked(probs: Floats) -> AssessedLabels:
        return assess_labels(probs, labels, groupings=(rows.groups,))

    probs = leave_one_out(rows, labels)
    first = ranked(probs)
    again = leave_one_out(rows, labels, np.where(first.wrong > 0.5, 1e-3, 1.0))
    curved = fit_kernel_ridge(rows.features, labels, rows.num_classes, None, rows.groups, width=1.0).fit
    both = softmax((np.log(probs) + curved.loo_scores / curved.temperature) / 2, axis=1)
    orders = {"once": first, "fitted again without suspects": ranked(again), "with a kernel": ranked(both)}
    found: dict[str, object] = {"seed": seed, "share": share}
    return found | {way: precision(one.order, wrong) for way, one in orders.items()}


def summary(made: list[dict[str, object]]) -> list[dict[str, object]]:
    """Mean over seeds with 95 % intervals, one line a set, kind of flips and share."""
    lines = []
    for key in dict.fromkeys((row["set"], row["flips"], row["share"]) for row in made):
        own = [row for row in made if (row["set"], row["flips"], row["share"]) == key]
        line: dict[str, object] = dict(zip(("set", "flips", "share"), key, strict=True)) | {"seeds": len(own)}
        for name in list(own[0])[5:]:
            mean, low, high = mean_and_interval([float(str(row[name])) for row in own])
            line[name] = f"{mean:.3f} [{low:.3f}, {high:.3f}]" if name == "P@60" and len(own) > 1 else f"{mean:.3f}"
        lines.append(line)
    return lines


def main() -> None:
    """Print every cell, then the means over seeds."""
    options = arguments(__doc__ or "", seeds=5, sets=SETS, ways=0)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "label_errors.jsonl"
    made = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(row["set"], row["flips"], row["share"], row["seed"]) for row in made}
    for name in options.sets:
        rows = rows_of(name)
        for kind, share in CASES:
            for seed in range(options.seeds if share else 1):
                if (name, kind, share, seed) not in done:
                    made.append(cell(name, rows, kind, share, seed))
                    with file.open("a") as stream:
                        stream.write(json.dumps(made[-1]) + "\n")
    lines = summary([row for row in made if row["set"] in options.sets])
    show("label errors, clean sets", [line for line in lines if line["flips"] == "clean"], [])
    show("label errors", [line for line in lines if line["flips"] != "clean"], [])
    if options.ways:
        rows = rows_of("elpv")
        tried = [other_ways(rows, seed, share) for share in (0.05, 0.1) for seed in range(options.ways)]
        show("label errors on solar cells, other ways", tried, [])


if __name__ == "__main__":
    main()
