"""From a place to a Task: the reader is found, rows are cleaned, copies grouped, splits made, and the test set sealed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np

from headstart.core.arguments import Accepts, Paths, Texts, checked, path_given, several
from headstart.core.errors import DataError, PlanError
from headstart.core.types import Integers
from headstart.data.class_names import labels_of, natural_order, quoted
from headstart.data.cleaning import LEAST_PER_CLASS, Cleaned, cleaned, leave_out_tiny
from headstart.data.left_out_domains import check_domains, keep_domains_whole, raw_domains
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import is_object, reader_for
from headstart.data.sources.task_with_sources import task_with_sources
from headstart.data.split_assignment import (
    check_shares,
    remove_used,
    report_untested,
    report_what_judges,
    split_assignment,
    task_of,
)
from headstart.data.task import Task

PLACES = "a path, the name of a built-in set, a frame or a Dataset"


def _place(value: Any) -> Any:
    return value if is_object(value) else path_given(value)


AnyPlace: TypeAlias = Annotated[Any, Accepts(PLACES, _place)]
"""Where data lie: a path, an address or a name, or an object that holds them."""


@checked
def read_task(
    place: AnyPlace,
    seed: int = 0,
    per_class: int | None = None,
    pool: bool = False,
    *,
    test: float | None = None,
    sources: Paths = (),
    target: Texts = (),
    leave_domain_out: bool = False,
    one_class: bool = False,
) -> Task:
    """The task read from a path, an address, a built-in name, a frame or a Dataset.

    Any layout that a reader recognizes is accepted: class folders, given splits, a manifest, shards of pictures, embeddings,
    CIFAR archives, IDX files, one of these at an address such as s3://bucket/flowers, the name of a built-in set, or, in memory,
    a frame of pandas or polars, a `Dataset` of Hugging Face's `datasets` or of torch. Unreadable images are left out and
    reported; exact and near duplicates and given groups stay on one side of every split.

    Args:
        place: A path, an address, the name of a built-in set, or an object. A run on an object cannot be adjusted or extended
            later in another process, as there is no place to read it from again.
        seed: Decides the split where none is given, and the folds.
        per_class: Keep only this many labeled training rows a class; without a given test split, all others become
            the test set. 0 takes all labels but the test's off a target that has sources.
        pool: Keep the other training rows without their labels, as unlabeled ones, so that label budgets can be studied; the
            test set is then a fifth of all.
        test: Share of the labeled rows to set aside as a sealed test where no test split is given; 0 sets none aside. By default
            there is none with less than 5,000 labeled rows: each is learned from, and judges out of fold. With more, 3,000 rows
            and at most a fifth are set aside.
        sources: Places of labeled images of other domains, each of any layout; the place itself may then hold no labels.
        target: Names of domains in the place's own column `domain`: the labeled rows of its other domains are sources.
        leave_domain_out: Let splits and folds keep every domain of the column `domain` whole, so that all is chosen and judged on
            domains that were not learned from. Rows of the `sources` that name no domain then are of one more each.
        one_class: Take a label with ";" in it for the name of one class, whatever the others are; not with sources or domains.

    Returns:
        The task.

    Raises:
        DataError: The place cannot be used; one sentence.
        PlanError: `per_class` is too small, `pool` is given without it, `test` is no share or has no effect, or something
            contradicts `leave_domain_out`.
    """
    check_shares(test, per_class, pool)
    place = str(place) if isinstance(place, Path) else place
    chosen = tuple(map(str, several(sources))), several(target)
    if leave_domain_out:
        raw = raw_domains(place, *chosen, per_class)
        task = task_in(raw, place if isinstance(place, str) else "", seed, None, test=test, leave_domain_out=True)
        return replace(task, source_places=chosen[0])
    if sources or target:
        task = task_with_sources(place, seed, *chosen, per_class=per_class, pool=pool, test=test)
        return replace(task, per_class=per_class, source_places=chosen[0], target_domains=chosen[1])
    raw = reader_for(place).read(place)
    return task_in(
        raw.as_one_class() if one_class else raw, place if isinstance(place, str) else "", seed, per_class, pool, test=test
    )


def task_in(
    raw: RawDataset,
    place: str,
    seed: int,
    per_class: int | None,
    pool: bool = False,
    *,
    test: float | None = None,
    leave_domain_out: bool = False,
) -> Task:
    """The task of rows as they were found, without a source; arguments as of `read_task`, the place empty for rows in memory.

    Where domains are left out, no test is set aside by default, however many rows there are: each domain judges.
    """
    if per_class is not None and per_class < 1:
        raise PlanError(f"per_class = {per_class}: at least 1 labeled image a class is needed. Raise it.")
    rows = cleaned(raw.in_name_order())
    classes, labels = _labels(rows, place or raw.name)
    if leave_domain_out:
        keep_domains_whole(rows)
    by_default = 0.0 if leave_domain_out and not rows.in_split("test").any() else None
    assignment = split_assignment(rows, labels, len(classes), seed, per_class, pool, by_default if test is None else test)
    if leave_domain_out:
        check_domains(rows, labels, classes, assignment, place or raw.name)
    remove_used(rows, assignment)
    report_what_judges(rows, assignment)
    report_untested(rows, classes, labels, assignment.test, wanted=bool(test or per_class))
    task = task_of(rows, classes, labels, assignment, place, seed, assignment.train)
    return replace(task, test_share=test, per_class=per_class, leave_domain_out=leave_domain_out)


def _labels(rows: Cleaned, place: str) -> tuple[tuple[str, ...], Integers]:
    """The classes of the rows to learn from, and the label of each row; rows of unusable classes are taken out."""
    given = rows.raw.labels
    counts = Counter(name for row in np.flatnonzero(rows.in_split("", "train")) if (name := given[row]) is not None)
    if not counts:
        raise DataError(f"{place}: no readable image has a label to learn from. Put images into one folder a class.")
    _refuse_unknown_classes(rows, set(counts), place)
    tiny = natural_order({name for name, count in counts.items() if count < LEAST_PER_CLASS})
    classes = natural_order(set(counts) - set(tiny))
    if len(classes) < 2:
        raise DataError(
            f"{place}: {quoted(natural_order(set(counts)))} {'is the only class' if len(counts) == 1 else 'are the classes'}"
            f"{'' if len(counts) == 1 else f', and fewer than two of them have {LEAST_PER_CLASS} images to learn from'}. "
            "Add images until two classes have at least two each."
        )
    if tiny:
        leave_out_tiny(rows, tiny)
    return classes, labels_of(given, classes)


def _refuse_unknown_classes(rows: Cleaned, known: set[str], place: str) -> None:
    for split in ("validation", "test"):
        met = {name for row in np.flatnonzero(rows.in_split(split)) if (name := rows.raw.labels[row]) is not None}
        if extra := natural_order(met - known):
            raise DataError(
                f"{place}: {split} has images of {quoted(extra)}, of which train has none. "
                f"Add training images of it, or remove it from {split}."
            )
