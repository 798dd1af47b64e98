"""Pages: templates filled in; no script, nothing from the network, every name escaped."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from headstart.core.records import write_atomically
from headstart.gallery.shots import ShotsCurve
from headstart.report.charts import shortened, shots_chart
from headstart.report.numbers import FILTERS

HEADING = re.compile(r'<section class="part" id="([^"]+)">\s*<header><h2>(.*?)</h2>')


def page_of(template: str, **values: Any) -> str:
    """The HTML text of a template with those values."""
    environment = Environment(
        loader=PackageLoader("headstart.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(FILTERS, shortened=shortened, headings=headings)
    return environment.get_template(f"{template}.html.j2").render(values)


def headings(page: str) -> list[tuple[str, str]]:
    """The anchor and the title of each section, in order."""
    return [(anchor, html.unescape(title)) for anchor, title in HEADING.findall(str(page))]


def write_shots(curve: ShotsCurve, path: Path) -> None:
    """Write accuracy by images a class as one HTML file; an ExportError says that it cannot be written."""
    write_atomically(path, page_of("shots", curve=curve, chart=shots_chart(curve.points)))
