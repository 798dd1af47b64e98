"""Metrics: the numbers of an evaluation, one class a file; the folder is the registry."""

from collections.abc import Collection

from headstart.core.catalog import Catalog, is_final_class
from headstart.core.estimate import Estimate
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric

METRICS: Catalog[type[Metric]] = Catalog("headstart.evaluation.metrics", "metric", is_final_class(Metric), frozenset({"base"}))


def all_metrics() -> dict[str, Metric]:
    """Every metric by name, in the order in which an evaluation shows them."""
    found = {name: metric() for name, metric in METRICS.all().items()}
    return dict(sorted(found.items(), key=lambda entry: entry[1].position))


def metrics_of(labeled: LabeledPredictions, names: Collection[str] | None = None) -> dict[str, Estimate]:
    """The value of every metric, or of those of the names, with its 95 % interval, where it is defined for these rows.

    The random draws of a metric are its own, so that its interval does not depend on the others.
    """
    metrics = all_metrics() if names is None else {name: METRICS.get(name)() for name in names}
    found = {name: metric.estimate(labeled) for name, metric in metrics.items()}
    return {name: estimate for name, estimate in found.items() if estimate is not None}
