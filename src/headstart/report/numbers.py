"""Numbers as a report prints them."""

from __future__ import annotations

import math

from headstart.core.estimate import Estimate

MINUS = "\N{MINUS SIGN}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as per cent; a dash where there is none, or it is not a number.

    >>> percent(0.9345)
    '93.5%'
    """
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}%"


def percent_range(estimate: Estimate, digits: int = 1) -> str:
    """The ends of a share's interval.

    >>> percent_range(Estimate(value=0.9, low=0.8256, high=0.9448))
    '82.6–94.5%'
    """
    return f"{100 * estimate.low:.{digits}f}–{percent(estimate.high, digits)}"


def points(value: float, digits: int = 1) -> str:
    """A difference of shares in percentage points, always with its sign.

    >>> points(-0.062)
    '−6.2'
    """
    return signed(100 * value, digits)


def signed(value: float, digits: int = 3) -> str:
    """A number that always shows its sign; zero has none, and what is not a number is a dash."""
    if math.isnan(value):
        return "–"
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def points_range(estimate: Estimate) -> str:
    """The ends of a difference's interval in percentage points."""
    return f"{points(estimate.low)} to {points(estimate.high)}"


def decimal(value: float | None, digits: int = 3) -> str:
    """A plain number; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", MINUS)


def score(value: float | None) -> str:
    """A number of any size in little room; a dash where there is none.

    >>> score(-0.2604), score(507.727), score(None)
    ('−0.26', '508', '–')
    """
    return decimal(value, 0 if value is not None and abs(value) >= 100 else 2)


def count(value: int) -> str:
    """A whole number with thousands apart."""
    return f"{value:,}"


def plural(value: int, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> plural(1, "image"), plural(2_000, "image"), plural(2, "class", "classes")
    ('1 image', '2,000 images', '2 classes')
    """
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def p_value(value: float) -> str:
    """A probability with two significant digits, or a bound where it is tiny."""
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def duration(seconds: float) -> str:
    """A time in the unit that a person would use.

    >>> duration(0.004), duration(3.21), duration(42), duration(200), duration(3840)
    ('4 ms', '3.2 s', '42 s', '3 min 20 s', '1 h 04 min')
    """
    if seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


FILTERS = {
    each.__name__: each
    for each in (percent, percent_range, points, points_range, signed, decimal, score, count, plural, p_value, duration)
}
SAID = ("plural", "duration", "points_range")
"""Filters whose text has words in it, which are translated."""
