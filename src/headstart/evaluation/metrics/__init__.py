"""Metrics: the numbers of an evaluation, one class a file; the folder is the registry."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.core.estimate import Estimate
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric

METRICS: Catalog[type[Metric]] = Catalog("headstart.evaluation.metrics", "metric", is_final_class(Metric), frozenset({"base"}))


def all_metrics() -> dict[str, Metric]:
    """Every metric by name, in the order in which an evaluation shows them."""
    found = {name: metric() for name, metric in METRICS.all().items()}
    return dict(sorted(found.items(), key=lambda entry: entry[1].position))


def metrics_of(labeled: LabeledPredictions) -> dict[str, Estimate]:
    """The value of every metric with its 95 % interval; metrics that are not defined for these rows are left out."""
    found = {name: metric.estimate(labeled) for name, metric in all_metrics().items()}
    return {name: estimate for name, estimate in found.items() if estimate is not None}
