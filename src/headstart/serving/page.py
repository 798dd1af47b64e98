"""Page: what a browser shows at the address of a server; it asks no other host."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from headstart.core.language import ENGLISH, language_named, languages
from headstart.report.pages import environment

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}
TEXTS = (
    "Looks like none of them",
    "This picture is unlike those that the model learned from. The label is its best guess.",
    "No more than %(share)s of known pictures look so unusual.",
    "Predicting …",
    "Looking for reasons …",
    "Why?",
    "Where it looked",
    "The more a part is colored, the more the probability falls when that part is covered.",
    "No part decides alone: the probability hardly falls when one is covered.",
    "Nearest training pictures",
    "Show all %(count)s classes",
    "Show fewer",
    "Wrong? Choose the right class",
    "Another class …",
    "Name of the class",
    "Keep",
    "Kept as %(label)s. %(count)s corrections wait for `headstart extend`.",
    "The server does not answer. Is it still running?",
    "This server needs a key.",
    "Accuracy",
    "between %(low)s and %(high)s",
    "on %(count)s images",
    "Learned from",
    "%(count)s images",
    "Classes",
    "Networks",
    "From scratch",
    "License",
    "Method",
    "Version",
    "The first model of an unfinished run",
    "It knows %(count)s classes.",
)
"""What the script shows."""


def language_for(asked: str | None, header: str) -> str:
    """The language that was asked for, or else the first one of the browser that there is; English where there is none.

    >>> language_for(None, "fr, zh-CN;q=0.9, en;q=0.8"), language_for("en", "zh")
    ('zh', 'en')
    """
    wanted = [asked or "", *(part.split(";")[0].split("-")[0].strip().lower() for part in header.split(","))]
    return next((code for code in wanted if code in languages()), ENGLISH)


@cache
def page_html(code: str, learns: bool) -> str:
    """The page in a language; `learns` says whether corrections are kept."""
    spoken = language_named(code)
    texts = {text: spoken.gettext(text) for text in TEXTS}
    templates = environment(spoken, "headstart.serving", "page")
    return templates.get_template("page.html.j2").render(language=code, texts=texts, learns=learns)


@cache
def asset(name: str) -> bytes:
    """The style or the script."""
    return files("headstart.serving").joinpath("page", name).read_bytes()
