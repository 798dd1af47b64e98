"""Maps of the domains: source and target rows in one plane, in units of the view box."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.planning.adapting.adaptation import Adaptation, MapPoint
from headstart.report.axis import Axis

SIDE = 300.0
MARGIN = 10.0


@dataclass(frozen=True)
class DomainDot:
    """A row on the map; y grows downwards."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class DomainPanel:
    """One map in a square view box."""

    title: str
    side: float
    source: tuple[DomainDot, ...]
    target: tuple[DomainDot, ...]


def domain_panels(adaptation: Adaptation) -> tuple[DomainPanel, DomainPanel]:
    """Two maps on one scale, the same in both directions: source rows as they are, and with the target's mean and covariance."""
    drawn, names = adaptation.map, adaptation.classes
    points = [*drawn.source, *drawn.moved, *drawn.target]
    across, up = Axis.over(point.x for point in points), Axis.over(point.y for point in points)
    span = max(across.high - across.low, up.high - up.low)

    def dots(points: tuple[MapPoint, ...], what: str) -> tuple[DomainDot, ...]:
        room = SIDE - 2 * MARGIN
        return tuple(
            DomainDot(
                round(MARGIN + room * (0.5 + (point.x - (across.low + across.high) / 2) / span), 1),
                round(MARGIN + room * (0.5 - (point.y - (up.low + up.high) / 2) / span), 1),
                f"{what} {names[point.label]}",
            )
            for point in points
        )

    target = dots(drawn.target, "target, predicted")
    before = DomainPanel("Before", SIDE, dots(drawn.source, "source,"), target)
    return before, DomainPanel("With the target's mean and covariance", SIDE, dots(drawn.moved, "source,"), target)
