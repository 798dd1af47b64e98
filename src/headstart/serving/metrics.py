"""Metrics of a server, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
PICTURES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts of one server, with a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "headstart_requests", "Requests by route and status.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "headstart_request_seconds", "Seconds from request to answer.", ("route",), buckets=SECONDS, registry=self.registry
        )
        self.pictures = Counter("headstart_pictures", "Pictures that were predicted.", ("model",), registry=self.registry)
        self.flagged = Counter(
            "headstart_flagged_pictures", "Pictures that look like none of the classes.", ("model",), registry=self.registry
        )
        self.predicted = Counter(
            "headstart_predicted_pictures",
            "Pictures by the class that was predicted.",
            ("model", "label"),
            registry=self.registry,
        )
        self.p_values = Histogram(
            "headstart_p_values",
            "Novelty p-values of pictures; a share P of known ones is at most P.",
            ("model",),
            buckets=SHARES,
            registry=self.registry,
        )
        self.confidence = Histogram(
            "headstart_confidence", "Probabilities of the predicted class.", ("model",), buckets=SHARES, registry=self.registry
        )
        self.batches = Histogram(
            "headstart_batch_pictures", "Pictures computed together.", ("model",), buckets=PICTURES, registry=self.registry
        )
        self.loads = Counter(
            "headstart_loads", "Models loaded anew, or refused, since the start.", ("model", "outcome"), registry=self.registry
        )

    def watch(self, waiting: Any) -> None:
        """Report, whenever metrics are read, what the function gives: the pictures that wait, by model."""
        self.registry.register(_Waiting(waiting))

    def note_rows(self, model: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count what was answered."""
        answered = [row for row in rows if "error" not in row]
        self.pictures.labels(model).inc(len(answered))
        self.flagged.labels(model).inc(sum(bool((row.get("unknown") or {}).get("flag")) for row in answered))
        for row in answered:
            label = row.get("label") or row.get("best_guess")
            if label is not None:
                self.predicted.labels(model, label).inc()
                self.confidence.labels(model).observe(row["probability"])
            p_value = (row.get("unknown") or {}).get("p_value")  # a gallery's rows have a similarity in its place
            if p_value is not None:
                self.p_values.labels(model).observe(p_value)

    def families(self) -> list[Metric]:
        """All of them as they are now."""
        return list(self.registry.collect())

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return text_of(self.families())


def text_of(families: Sequence[Metric]) -> bytes:
    """Families in Prometheus's text format."""
    content: bytes = generate_latest(_Given(families))
    return content


def summed(of_living: Iterable[Sequence[Metric]], of_gone: Iterable[Sequence[Metric]] = ()) -> list[Metric]:
    """The families of several processes added up; of what is created, the first moment.

    Processes that are gone keep their counts, so that no count falls. What they had at one moment, as waiting pictures, goes.
    """
    families: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    gone = [[family for family in one if family.type != "gauge"] for one in of_gone]
    for family in (family for one in [*of_living, *gone] for family in one):
        families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        found = values.setdefault(family.name, {})
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if sample.name.endswith("_created"):
                found[key] = min(found.get(key, sample.value), sample.value)
            else:
                found[key] = found.get(key, 0.0) + sample.value
    for name, family in families.items():
        for (sample_name, labels), value in values[name].items():
            family.add_sample(sample_name, dict(labels), value)
    return list(families.values())


class _Given:
    """A registry of families that were collected already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The families."""
        return self._families


class _Waiting:
    """A collector of the pictures that wait."""

    def __init__(self, waiting: Any) -> None:
        self._waiting = waiting

    def collect(self) -> Iterable[Any]:
        """The metric."""
        family = GaugeMetricFamily("headstart_waiting_pictures", "Pictures that wait for an answer.", labels=["model"])
        for model, count in self._waiting().items():
            family.add_metric([model], count)
        yield family
