"""A task as text: ten lines that fit on a screen."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.data.images import ImageSet
    from headstart.data.task import Task

WIDTH = 100
"""Columns of a line, at most."""


def line_of(task: Task) -> str:
    """A task in one line."""
    free = f", {len(task.unlabeled):,} unlabeled" if task.unlabeled else ""
    return f'<Task "{task.name}": {len(task.labeled):,} labeled images of {task.num_classes} classes{free}>'


def card_of(task: Task) -> str:
    """A task in ten lines, or fewer where there is less to say."""
    return "\n".join(_cut(f"{name:<12}{text}") for name, text in facts_of(task))


def facts_of(task: Task) -> list[tuple[str, str]]:
    """What there is to say of a task, each under a name."""
    facts = [
        ("Task", f"{task.name} ({task.place})" if task.place else task.name),
        ("Classes", f"{task.num_classes}: {', '.join(task.classes)}" if task.classes else "none"),
        ("Labeled", _labeled(task)),
        ("Validation", _images(task.validation)),
        ("Test", _test(task)),
        ("Unlabeled", _images(task.unlabeled)),
        ("Sources", f"{_images(task.source)} of {', '.join(task.source.domain_names)}" if task.source else ""),
        ("Size", _size(task)),
        ("Seed", str(task.seed)),
        ("Findings", _findings(task)),
    ]
    return [(name, text) for name, text in facts if text]


def _labeled(task: Task) -> str:
    """The rows that labels are learned from, validation included."""
    if not len(task.labeled):
        return "none"
    counts = task.labeled.class_counts
    span = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
    return f"{_images(task.labeled)}, {span} a class"


def _test(task: Task) -> str:
    """What judges a model: test rows, or the labels that are at hand without them."""
    if task.test:
        return f"{_images(task.test)}, sealed"
    if task.validation:
        return "none: the validation split judges"
    return "none: each label judges out of fold" if len(task.labeled) else "none"


def _images(images: ImageSet | None) -> str:
    if images is None or not len(images):
        return ""
    noun = "vector" if images.images.embedded else "image"
    return f"{len(images):,} {noun}{'s' * (len(images) != 1)}"


def _size(task: Task) -> str:
    if task.train.images.embedded or not task.native_pixels:
        return "feature vectors"
    return f"shorter side {task.native_pixels} pixels (median), {'gray' if task.channels == 1 else 'color'}"


def _findings(task: Task) -> str:
    """How many of each severity, and the codes, the first ones met."""
    if not task.findings:
        return "none while reading; headstart.inspect looks further"
    counts = Counter(finding.severity for finding in task.findings)
    numbers = ", ".join(f"{counts[name]} {name}{'s' * (counts[name] != 1 and name != 'info')}" for name in counts)
    return f"{numbers}: {', '.join(dict.fromkeys(finding.code for finding in task.findings))}"


def _cut(line: str) -> str:
    label, text = line[:12], line[12:]
    return label + textwrap.shorten(text, WIDTH - len(label), placeholder=" ...")
