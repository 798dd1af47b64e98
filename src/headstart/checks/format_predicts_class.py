"""Do size and format of the files predict the class?"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from PIL import Image

from headstart.core.findings import Finding, NotApplicable
from headstart.core.spacing import evenly_spaced
from headstart.data.images import FileImages
from headstart.data.task import Task

LEAST_SKILL = 0.5
"""The share of the majority's errors that files must save to be reported. Chosen, not measured."""
MOST_FILES = 2_000


def format_predicts_class(task: Task) -> Finding | NotApplicable | None:
    """A finding when side lengths, file ending and color mode alone name the class much better than the largest class does.

    Each file is given the commonest class among the other files of the same form. Skill is the share of the errors of always
    answering the largest class that this saves. At most 2,000 files are opened, and only their headers are read.
    """
    images = task.train.images
    if not isinstance(images, FileImages) or not len(images):
        return NotApplicable(reason="there are no training images in files")
    rows = evenly_spaced(len(images), MOST_FILES)
    forms = [_form(images.paths[row]) for row in rows]
    labels = task.train.labels[rows].tolist()
    hits = _leave_one_out_hits(forms, labels)
    majority = max(Counter(labels).values())
    skill = (hits - majority) / max(1, len(labels) - majority)
    if skill < LEAST_SKILL:
        return None
    return Finding.warning(
        "format-predicts-class",
        f"Size and format of the files alone name the class of {hits} of {len(labels)} training images.",
        "Bring all classes to one size and format; else a model may learn how the files were made, not what they show.",
        correct=hits,
        images=len(labels),
        largest_class=majority,
        forms=len(set(forms)),
    )


def _form(path: Path) -> tuple[int, int, str, str]:
    try:
        with Image.open(path) as image:
            return *image.size, path.suffix.lower(), image.mode
    except (OSError, ValueError, Image.DecompressionBombError):
        return 0, 0, path.suffix.lower(), ""


def _leave_one_out_hits(forms: list[tuple[int, int, str, str]], labels: list[int]) -> int:
    counts: dict[tuple[int, int, str, str], Counter[int]] = defaultdict(Counter)
    for form, label in zip(forms, labels, strict=True):
        counts[form][label] += 1
    hits = 0
    for form, label in zip(forms, labels, strict=True):
        others = counts[form].copy()
        others[label] -= 1
        best = max(others.values())
        hits += best > 0 and others[label] == best and list(others.values()).count(best) == 1
    return hits
