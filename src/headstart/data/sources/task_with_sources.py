"""Task with sources: a target place, labeled or not, and labeled source domains, read into one Task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from headstart.core.errors import DataError, PlanError
from headstart.core.types import UNLABELED, Integers
from headstart.data.class_names import aligned, labels_of, natural_order, quoted
from headstart.data.cleaning import LEAST_PER_CLASS, Cleaned, cleaned, leave_out_tiny
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.sources.findings import finding_of, of_source
from headstart.data.sources.labeled_rows import (
    SourceRows,
    check_same_kind,
    cleaned_sources,
    copies_of,
    raw_sources,
    shared_rows,
    target_and_others,
)
from headstart.data.split_assignment import (
    SplitAssignment,
    image_set,
    remove_used,
    report_untested,
    split_assignment,
    task_of,
)
from headstart.data.task import Task

LEAST_TARGET = 2
"""Fewer images of a target have no spread to compare with a source's."""
OF_COPIES = -1
"""Stands where groups have the number of their place: groups of copies span all sources."""


def task_with_sources(
    place: Any,
    seed: int,
    sources: tuple[str, ...],
    target: tuple[str, ...],
    *,
    per_class: int | None = None,
    pool: bool = False,
    test: float | None = None,
) -> Task:
    """The task of a target with labeled source domains; see `read_task`.

    Classes are those of the sources and of readable target labels together, matched by name. A source without a class in common
    with labeled target rows, or with one class only, is left out. So are source rows that are copies of target rows, or share a
    given group with target rows of the test.

    Raises `DataError` where a place cannot be used or nothing is left to learn from.
    """
    if per_class is not None and per_class < 0:
        raise PlanError(f"per_class = {per_class}: give 0 to use no label of the target, or more to use so many a class.")
    raw, others = target_and_others(place, target)
    where = place if isinstance(place, str) else raw.name
    places = [others, *map(raw_sources, sources)]
    if not any(places):
        raise DataError(
            f"{where}: no other domain than {quoted(target)} has a labeled image, so that there is no source. Add one."
        )
    for one in chain.from_iterable(places):
        check_same_kind(raw.images, one.images, one.name)
    rows = cleaned(raw)
    found = _Joined(rows, cleaned_sources(places), where)
    assignment = found.assignment(seed, per_class, pool, test)
    usable = found.usable_sources(assignment)
    classes = found.classes(assignment, usable)
    task = _task(found, assignment, classes, usable, seed, wanted=bool(per_class or test))
    return replace(task, test_share=test, place=place if isinstance(place, str) else "")


class _Joined:
    """The rows of a target and of its sources, with the class names of all places aligned."""

    def __init__(self, rows: Cleaned, sources: list[SourceRows], place: str) -> None:
        self.rows = rows
        self.sources = sources
        self.place = place
        given = {name for name in rows.raw.labels if name is not None}
        own, *theirs = aligned([given, *(source.class_names for source in sources)])
        # The common class name of each target row, and of each class of a source.
        self.labels = [None if name is None else own[name] for name in rows.raw.labels]
        self.renamed = {source.name: names for source, names in zip(sources, theirs, strict=True)}
        # By source, the group of copies of each row, numbered across all sources.
        self.copy_groups: dict[str, Integers] = {}
        # The task's number of each given group, by place and name, and of each group of copies.
        self.group_numbers = {(0, name): int(rows.groups[row]) for row, name in enumerate(rows.raw.groups) if name}

    def _note(self, code: str, evidence: dict[str, Any], **words: str) -> None:
        self.rows.findings.append(finding_of(code, evidence, **words))

    def assignment(self, seed: int, per_class: int | None, pool: bool, test: float | None) -> SplitAssignment:
        """The split of the target rows; validation rows become training rows where no others have labels."""
        if per_class != 0:
            self._leave_out_tiny()
        names = natural_order({name for name in self.labels if name is not None})
        labels = labels_of(self.labels, names)
        assignment = split_assignment(self.rows, labels, len(names), seed, per_class, pool or per_class == 0, test)
        if per_class == 0:
            assignment.unlabeled, assignment.validation = (
                assignment.unlabeled | assignment.validation,
                np.zeros_like(assignment.validation),
            )
            hidden = assignment.unlabeled & (labels != UNLABELED)
            self._note("target-labels-hidden", {"hidden": int(hidden.sum()), "sealed": int(assignment.test.sum())})
        if not assignment.train.any():
            assignment.train, assignment.validation = assignment.validation, assignment.train
        if (assignment.train | assignment.validation).any():
            remove_used(self.rows, assignment)
        else:
            self._note_test_images_learned_from(assignment)
        number = int((assignment.train | assignment.validation | assignment.unlabeled).sum())
        if number < LEAST_TARGET:
            met = "one image" if number else "no image"
            copies = " Copies of the test images in unlabeled/ will do." if assignment.test.any() else ""
            raise DataError(
                f"{self.place}: has {met} outside of its test split, and a source is compared with two at least. Add images, "
                f"with labels or without.{copies}"
            )
        return assignment

    def _note_test_images_learned_from(self, assignment: SplitAssignment) -> None:
        """Keep unlabeled images that are test images, too: no target label is read, and adapting to them is a usual protocol."""
        shared = assignment.unlabeled & np.isin(self.rows.groups, self.rows.groups[assignment.test])
        if not shared.any():
            return
        self.rows.findings = [one for one in self.rows.findings if one.code != "duplicate-images"]
        evidence = {"shared": int(shared.sum()), "unlabeled": int(assignment.unlabeled.sum())}
        self._note("transductive", {**evidence, "paths": self.rows.names(np.flatnonzero(shared))})

    def _leave_out_tiny(self) -> None:
        """Leave out classes that one target row shows and no source: they cannot be both learned and checked."""
        elsewhere = {name for names in self.renamed.values() for name in names.values()}
        shown = (self.labels[row] for row in np.flatnonzero(self.rows.in_split("", "train")))
        counts = Counter(name for name in shown if name is not None and name not in elsewhere)
        tiny = natural_order({name for name, count in counts.items() if count < LEAST_PER_CLASS})
        if tiny:
            leave_out_tiny(self.rows, tiny)

    def readable(self, assignment: SplitAssignment) -> set[str]:
        """The classes of target rows whose labels may be read."""
        return {
            name for row in np.flatnonzero(assignment.train | assignment.validation) if (name := self.labels[row]) is not None
        }

    def names_of(self, source: SourceRows) -> set[str]:
        """The classes of a source by their common names."""
        return {self.renamed[source.name][name] for name in source.class_names}

    def usable_sources(self, assignment: SplitAssignment) -> list[SourceRows]:
        """The sources that can be learned from, without rows that are in the target, too; findings say what is left out."""
        readable = self.readable(assignment)
        usable = []
        for source in self.sources:
            self._leave_out_leaking(source, assignment)
        self._leave_out_repeated()
        for source in self.sources:
            names = natural_order(self.names_of(source))
            if len(names) < 2:
                shown = f"one class only ({quoted(names)})" if names else "no class once copies are left out"
                self._note("one-class-source", {"source": source.name, "classes": list(names)}, shown=shown)
            elif readable and not readable & set(names):
                wanted = natural_order(readable)
                evidence = {"source": source.name, "source_classes": list(names), "target_classes": list(wanted)}
                self._note("no-common-class", evidence, theirs=quoted(names), wanted=quoted(wanted))
            else:
                self.rows.findings += [of_source(source.name, finding) for finding in source.rows.findings]
                usable.append(source)
        if not usable and len(readable) < 2:
            why = " ".join(one.title for one in self.rows.findings if one.code in {"one-class-source", "no-common-class"})
            raise DataError(f"{self.place}: has no labels of two classes, and no source can stand in. {why} Give another source.")
        return usable

    def _leave_out_leaking(self, source: SourceRows, assignment: SplitAssignment) -> None:
        copies = copies_of(self.rows, source.rows)
        tested = np.zeros_like(copies)
        if source.shares_groups:
            groups = {name for row in np.flatnonzero(assignment.test) if (name := self.rows.raw.groups[row])}
            tested = source.rows.usable & ~copies & np.isin(np.array(source.rows.raw.groups, dtype=object), list(groups))
        source.rows.usable &= ~(copies | tested)
        if (copies | tested).any():
            paths = source.rows.names(np.flatnonzero(copies | tested))
            counts = {"copies": int(copies.sum()), "groups": int(tested.sum())}
            self._note("domain-leak", {"source": source.name, **counts, "paths": paths})

    def _leave_out_repeated(self) -> None:
        """Leave out copies of rows of earlier sources: sources are compared with one another, and a copy would confirm itself."""
        shared = shared_rows(self.sources, [self._common_names(source) for source in self.sources])
        for source, found in zip(self.sources, shared, strict=True):
            source.rows.usable[found.copies] = False
            self.copy_groups[source.name] = found.copy_groups
            if len(found.copies):
                evidence = {"copies": len(found.copies), "paths": source.rows.names(found.copies)}
                self._note("repeated-in-sources", {"source": source.name, **evidence})
            if len(found.contradictory):
                evidence = {"images": len(found.contradictory), "paths": source.rows.names(found.contradictory)}
                self._note("contradictory-sources", {"source": source.name, **evidence})

    def _common_names(self, source: SourceRows) -> list[str | None]:
        renamed = self.renamed[source.name]
        return [None if name is None else renamed.get(name, name) for name in source.rows.raw.labels]

    def classes(self, assignment: SplitAssignment, sources: list[SourceRows]) -> tuple[str, ...]:
        """The class names that readable target labels and sources show together."""
        shown = self.readable(assignment).union(*(self.names_of(source) for source in sources))
        unknown = np.array([row for row in np.flatnonzero(assignment.test) if self.labels[row] not in shown], np.int64)
        names = natural_order({str(self.labels[row]) for row in unknown})
        if len(unknown) and len(unknown) == int(assignment.test.sum()):
            raise DataError(
                f"{self.place}: tests on {quoted(names)}, and the labels to learn from are {quoted(natural_order(shown))}: "
                "no class in common. Name the classes alike, or give another source."
            )
        if len(unknown):
            evidence = {"classes": list(names), "images": len(unknown), "paths": self.rows.names(unknown)}
            self._note("unknown-classes", evidence, names=quoted(names))
        merged = {one: common for names in self.renamed.values() for one, common in names.items() if one != common}
        if merged:
            pairs = ", ".join(f'"{one}" for "{common}"' for one, common in sorted(merged.items())[:10])
            self._note("class-names-merged", {"merged": merged}, pairs=pairs)
        return natural_order(shown)

    def source_set(self, source: SourceRows, classes: tuple[str, ...], first_group: int) -> ImageSet:
        """The usable rows of a source, in the task's classes.

        A group that is given in one place has one number in all its domains, and so have copies of one picture in all sources.
        """
        labels = labels_of((self.renamed[source.name].get(str(name)) for name in source.rows.raw.labels), classes)
        made = image_set(source.rows, classes, labels, source.rows.usable)
        renamed = replace(made, groups=self._groups(source, first_group), domains=(source.name,) * len(made))
        return renamed.with_content_keys(made.content_keys)

    def _groups(self, source: SourceRows, first_group: int) -> Integers:
        rows, groups = np.flatnonzero(source.rows.usable), source.rows.groups
        given, copies = source.rows.raw.groups, self.copy_groups[source.name]
        named = [(int(groups[row]), (source.place, given[row])) for row in rows if given[row]]
        named += [(int(groups[row]), (OF_COPIES, str(copies[row]))) for row in rows]
        shared: dict[int, int] = {}
        for group, name in named:
            if name in self.group_numbers:
                shared.setdefault(group, self.group_numbers[name])
        for group, name in named:
            self.group_numbers.setdefault(name, shared.setdefault(group, group + first_group))
        return np.array([shared.get(int(group), int(group) + first_group) for group in groups[rows]], np.int64)


def _task(
    found: _Joined, assignment: SplitAssignment, classes: tuple[str, ...], sources: list[SourceRows], seed: int, *, wanted: bool
) -> Task:
    rows, labels = found.rows, labels_of(found.labels, classes)
    if (assignment.test | assignment.train | assignment.validation).any():
        report_untested(rows, classes, labels, assignment.test, wanted=wanted)
    else:
        rows.findings.append(finding_of("no-test", {"images": 0, "target": int(assignment.unlabeled.sum())}))
    task = task_of(rows, classes, labels, assignment, found.place, seed, assignment.train | assignment.unlabeled)
    return replace(task, source=_source(found, classes, sources))


def only_sources(task: Task, names: Collection[str]) -> Task:
    """The task with these source domains alone, and without the classes that only other sources show.

    Test rows of a class that is gone lose their label; where no test row keeps one, there is no test.
    """
    if not task.source:
        return task
    source = task.source.take(np.array([domain in names for domain in task.source.domains], bool))
    shown = np.flatnonzero(task.labeled.class_counts + source.class_counts)
    if len(source) == len(task.source) or not len(shown):
        return task if len(source) else replace(task, source=None)
    number = np.full(task.num_classes + 1, UNLABELED, np.int64)  # the last entry is that of -1
    number[shown] = np.arange(len(shown))
    classes = tuple(task.classes[label] for label in shown)

    def renumbered(part: ImageSet | None) -> ImageSet | None:
        if part is None:
            return None
        return part.in_classes(classes, number).with_content_keys(part.content_keys)

    test = renumbered(task.test)
    return replace(
        task,
        classes=classes,
        train=renumbered(task.train) or replace(task.train, classes=classes),
        validation=renumbered(task.validation),
        test=test if test is not None and (test.hidden_labels != UNLABELED).any() else None,
        unlabeled=renumbered(task.unlabeled),
        source=renumbered(source) if len(source) else None,
    )


def with_source_as_train(task: Task) -> Task:
    """The same task; where fewer than two classes have target labels, the training rows are those of the source."""
    if task.source and int((task.labeled.class_counts > 0).sum()) < 2:
        return replace(task, train=task.source, validation=None)
    return task


def _source(found: _Joined, classes: tuple[str, ...], sources: list[SourceRows]) -> ImageSet | None:
    """The rows of all sources as one set."""
    whole: ImageSet | None = None
    first_group = len(found.rows.usable)
    for source in sources:
        part = found.source_set(source, classes, first_group)
        first_group += len(source.rows.usable)
        whole = part if whole is None else concatenate(whole, part)
    return whole
