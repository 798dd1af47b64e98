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
ASSETS = {
    "page.css": "text/css",
    "runs.css": "text/css",
    "shared.js": "text/javascript",
    "page.js": "text/javascript",
    "runs.js": "text/javascript",
}
SHARED_TEXTS = (
    "The server does not answer. Is it still running?",
    "This server needs a key.",
    "between %(low)s and %(high)s",
    "on %(count)s images",
)
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
    "Similar training pictures that speak for it",
    "Show all %(count)s classes",
    "Show fewer",
    "Wrong? Choose the right class",
    "Another class …",
    "Name of the class",
    "Keep",
    "Kept as %(label)s. %(count)s corrections wait for `headstart extend`.",
    "Accuracy",
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
"""What the script of the page to try a model on shows."""
RUN_TEXTS = (
    "Run",
    "Verdict",
    "Accuracy",
    "Balanced accuracy",
    "Calibration error",
    "Time",
    "Weights",
    "An image",
    "Date",
    "transfer",
    "scratch",
    "no difference",
    "not judged",
    "fitted by hand",
    "%(count)s runs in %(folder)s",
    "There is no run in %(folder)s yet. `headstart run DATA` makes one.",
    "in progress",
    "interrupted",
    "broke down",
    "Best so far",
    "nothing yet",
    "Now",
    "%(done)s of %(total)s",
    "Candidates tried",
    "Time left, at most",
    "Running for",
    "Last sign of life",
    "%(time)s ago",
    "Its process is gone. It ended before its end: %(reason)s",
    "Its process is gone.",
    "To go on",
    "Folders are left out here. A run that is started again goes on from what is finished.",
    "Its first model predicts.",
    "%(name)s is finished.",
    "%(name)s cannot be read: %(reason)s",
    "Compare %(name)s with another run: choose one more.",
    "Compare %(first)s with %(second)s",
    "Comparing …",
    "%(first)s is better than %(second)s.",
    "%(first)s is worse than %(second)s.",
    "These images show no difference between %(first)s and %(second)s.",
    "Accuracy, points",
    "Log loss, lower by",
    "p-value (McNemar)",
    "Images that both predicted",
    "Sort by %(name)s",
    "Choose %(name)s to compare",
)
"""What the script of the page of runs shows."""


def language_for(asked: str | None, header: str) -> str:
    """The language that was asked for, or else the first one of the browser that there is; English where there is none.

    >>> language_for(None, "fr, zh-CN;q=0.9, en;q=0.8"), language_for("en", "zh")
    ('zh', 'en')
    """
    wanted = [asked or "", *(part.split(";")[0].split("-")[0].strip().lower() for part in header.split(","))]
    return next((code for code in wanted if code in languages()), ENGLISH)


@cache
def page_html(code: str, learns: bool, shows_runs: bool = False) -> str:
    """The page to try a model on, in a language.

    Args:
        code: Of the language.
        learns: Whether corrections are kept.
        shows_runs: Whether there is a page of runs to go to.

    Returns:
        HTML.
    """
    return _filled_in("page", code, TEXTS, learns=learns, shows_runs=shows_runs)


@cache
def runs_html(code: str, serves: bool) -> str:
    """The page of runs in a language; `serves` says whether there is a model to try."""
    return _filled_in("runs", code, RUN_TEXTS, serves=serves)


def _filled_in(name: str, code: str, shown: tuple[str, ...], **values: bool) -> str:
    spoken = language_named(code)
    texts = {text: spoken.gettext(text) for text in (*SHARED_TEXTS, *shown)}
    template = environment(spoken, "headstart.serving", "page").get_template(f"{name}.html.j2")
    return template.render(language=code, texts=texts, **values)


@cache
def asset(name: str) -> bytes:
    """The style or the script."""
    return files("headstart.serving").joinpath("page", name).read_bytes()
