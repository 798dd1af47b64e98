"""Are some of the given features constant?"""

from __future__ import annotations

import numpy as np

from headstart.core.findings import Finding, NotApplicable
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Booleans
from headstart.data.images import ImageSet
from headstart.data.task import Task

MOST_ROWS = 5_000
"""Rows of a domain that are compared; bounds what is read."""


def constant_features(task: Task) -> Finding | NotApplicable | None:
    """A finding when given feature vectors have features that are the same in all rows of a domain; never for pictures.

    At most 5,000 evenly spaced rows of a domain are compared. A domain of one row has no constant features.
    """
    if not task.train.images.embedded:
        return NotApplicable(reason="the rows are pictures")
    domains = _domains(task)
    if not domains:
        return NotApplicable(reason="no domain has two rows")
    constant = {name: _constant(rows) for name, rows in domains.items()}
    everywhere = np.logical_and.reduce(list(constant.values()))
    somewhere = np.logical_or.reduce(list(constant.values()))
    if not somewhere.any():
        return None
    width, uneven = len(somewhere), int((somewhere & ~everywhere).sum())
    where = f", {uneven} of them in some domains only" if uneven else ""
    return Finding(
        code="constant-features",
        severity="error" if everywhere.all() else "warning" if uneven else "info",
        title=f"Features that are the same in all rows ({int(somewhere.sum())} of {width}{where}) say nothing.",
        evidence={"features": width, "constant": {name: int(mask.sum()) for name, mask in constant.items()}},
        advice="Make the features of all domains with the same network; leave out those that never change.",
    )


def _domains(task: Task) -> dict[str, list[ImageSet]]:
    """The sets of each domain, of two rows or more."""
    found = {task.name: [one for one in (task.labeled, task.unlabeled) if one]}
    if task.source:
        names = task.source.domain_names
        found |= {name: [task.source.of_domain(name)] for name in names} or {"source": [task.source]}
    return {name: sets for name, sets in found.items() if sum(map(len, sets)) > 1}


def _constant(sets: list[ImageSet]) -> Booleans:
    rows = np.concatenate([one.images.vectors() for one in sets])
    sample = rows[evenly_spaced(len(rows), MOST_ROWS)]
    return np.asarray((sample == sample[0]).all(axis=0))
