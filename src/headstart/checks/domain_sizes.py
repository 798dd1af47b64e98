"""Is one domain many times larger than another?"""

from __future__ import annotations

from collections import Counter

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task

NOTEWORTHY = 20.0
SEVERE = 200.0
"""Ratios of the largest to the smallest domain that are reported, and that are a warning. Chosen, not measured."""


def domain_sizes(task: Task) -> Finding | NotApplicable | None:
    """A finding when the largest domain, target or source, has twenty times the images of the smallest, or more."""
    if not task.source:
        return NotApplicable(reason="there is no source")
    counts = Counter(task.source.domains or ("source",) * len(task.source))
    counts[task.name] += len(task.labeled) + (len(task.unlabeled) if task.unlabeled else 0)
    (most, large), (least, small) = counts.most_common()[0], counts.most_common()[-1]
    ratio = large / max(1, small)
    if ratio < NOTEWORTHY:
        return None
    return Finding(
        code="domain-sizes",
        severity="warning" if ratio >= SEVERE else "info",
        title=f'"{most}" has {ratio:.0f} times the images of "{least}" ({large:,} against {small:,}).',
        evidence={"ratio": round(ratio, 2), "counts": dict(counts)},
        advice="Nothing needs doing for a large source: part of it is looked at. A small domain tells little: add images to it.",
    )
