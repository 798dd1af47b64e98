"""Metrics of several labels and of numbers, one class a file; the folder is the registry."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.core.estimate import Estimate
from headstart.multioutput.metrics.base import OutputMetric
from headstart.multioutput.predictions import OutputPredictions

OUTPUT_METRICS: Catalog[type[OutputMetric]] = Catalog(
    "headstart.multioutput.metrics", "output metric", is_final_class(OutputMetric), frozenset({"base"})
)


def metrics_for(kind: str) -> dict[str, OutputMetric]:
    """The metrics of a kind of outputs by name, in the order in which an evaluation shows them."""
    found = {name: metric() for name, metric in OUTPUT_METRICS.all().items() if metric.kind == kind}
    return dict(sorted(found.items(), key=lambda entry: entry[1].position))


def estimates_of(kind: str, predictions: OutputPredictions) -> dict[str, Estimate]:
    """The value of every metric of the kind with its 95 % interval, where it is defined for these rows."""
    found = {name: metric.estimate(predictions) for name, metric in metrics_for(kind).items()}
    return {name: estimate for name, estimate in found.items() if estimate is not None}
