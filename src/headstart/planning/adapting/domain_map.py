"""Domain map: two domains in the two directions in which they vary most, before and after matching mean and covariance."""

from __future__ import annotations

import numpy as np

from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats, Integers
from headstart.planning.adapting.adaptation import DomainMap, MapPoint
from headstart.planning.adapting.domain_pair import DomainPair
from headstart.shift.moments import monge_transported

MOST_POINTS = 250
"""The largest number of points of each domain; more would hide each other in the figure."""


def domain_map(pair: DomainPair, predicted: Integers) -> DomainMap:
    """At most 250 evenly spaced points of each domain, and the source's points with the target's mean and covariance.

    Target points carry the classes that the chosen models predict, int64 [target].
    """
    source, target = pair.source_rows, pair.target_rows
    moved = monge_transported(source, target)
    both = np.concatenate([source, target])
    center = both.mean(axis=0)
    axes = np.linalg.svd(both - center, full_matrices=False)[2][:2].T
    if axes.shape[1] < 2:
        axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
    source_sample, target_sample = evenly_spaced(len(source), MOST_POINTS), evenly_spaced(len(target), MOST_POINTS)
    return DomainMap(
        source=_points((source[source_sample] - center) @ axes, pair.source.labels[source_sample]),
        moved=_points((moved[source_sample] - center) @ axes, pair.source.labels[source_sample]),
        target=_points((target[target_sample] - center) @ axes, predicted[target_sample]),
    )


def _points(places: Floats, labels: Integers) -> tuple[MapPoint, ...]:
    return tuple(
        MapPoint(x=round(float(x), 4), y=round(float(y), 4), label=int(label))
        for (x, y), label in zip(places, labels, strict=True)
    )
