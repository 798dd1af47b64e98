"""Domains drawn: source and target in one plane, before and after, in the units of the view box."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.planning.adapting.adaptation import Adaptation, MapPoint
from headstart.report.axis import Axis

SIDE = 300.0
MARGIN = 10.0


@dataclass(frozen=True)
class DomainDot:
    """A row on the map.

    Attributes:
        x: Horizontal place.
        y: Vertical place; it grows downwards.
        label: What it says.
    """

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class DomainPanel:
    """One map.

    Attributes:
        title: What it shows.
        side: Of the square view box.
        source: Source rows.
        target: Target rows.
    """

    title: str
    side: float
    source: tuple[DomainDot, ...]
    target: tuple[DomainDot, ...]


def domain_panels(adaptation: Adaptation) -> tuple[DomainPanel, DomainPanel]:
    """The maps before and after, on the same scale in both directions.

    Args:
        adaptation: What was drawn.

    Returns:
        Source rows where they are, and with the target's mean and covariance; target rows are the same in both.
    """
    drawn, names = adaptation.map, adaptation.classes
    everyone = [*drawn.source, *drawn.moved, *drawn.target]
    across, up = Axis.over(point.x for point in everyone), Axis.over(point.y for point in everyone)
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
