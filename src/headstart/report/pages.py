"""Pages: templates filled in; no script, nothing from the network, every name escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from headstart.core.language import Language, spoken
from headstart.core.printable import printable
from headstart.core.records import write_atomically
from headstart.evaluation.stress import Stress
from headstart.gallery.shots import ShotsCurve
from headstart.report.charts import shortened, shots_chart
from headstart.report.figures import briefly
from headstart.report.finding_pages import listed
from headstart.report.numbers import FILTERS, SAID
from headstart.report.stress_charts import stress_charts
from headstart.report.terms import Terms

HEADING = re.compile(r'<section class="part" id="([^"]+)">\s*<header><h2>(.*?)</h2>')


def environment(language: Language, package: str = "headstart.report", folder: str = "templates") -> Environment:
    """The templates in a folder of a package with the filters of reports, in a language."""
    made = Environment(
        loader=PackageLoader(package, folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(FILTERS, shortened=shortened, briefly=briefly, headings=headings, listed=listed, said=language.sentence)
    made.filters.update({name: _said(FILTERS[name], language) for name in SAID}, joined=language.joined)
    return made


def _printable(value: Any) -> Any:
    """A text, or what is part of a page already, without what moves letters; anything else as it is."""
    if isinstance(value, Markup):
        return Markup(printable(value))  # noqa: S704  the escapes are letters, digits and backslashes
    return printable(value) if isinstance(value, str) else value


def page_of(template: str, **values: Any) -> str:
    """The HTML text of a template with those values, in the language that is spoken."""
    language = spoken()
    spoken_by = {"term": Terms(language), "language": language.code, "gap": language.gap}
    return environment(language).get_template(f"{template}.html.j2").render(values, **spoken_by)


def _said(filter_: Callable[..., str], language: Language) -> Callable[..., str]:
    return lambda *args, **options: language.sentence(filter_(*args, **options))


def headings(page: str) -> list[tuple[str, str]]:
    """The anchor and the title of each section, in order."""
    return [(anchor, html.unescape(title)) for anchor, title in HEADING.findall(str(page))]


def write_shots(curve: ShotsCurve, path: Path) -> None:
    """Write accuracy by images a class as one HTML file; an ExportError says that it cannot be written."""
    write_atomically(path, page_of("shots", curve=curve, chart=shots_chart(curve.points)))


def write_stress(stress: Stress, path: Path) -> None:
    """Write accuracy by corruption and strength as one HTML file; an ExportError says that it cannot be written."""
    write_atomically(path, page_of("stress", stress=stress, charts=stress_charts(stress)))
