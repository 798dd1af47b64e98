"""Shown: the base of what shows itself in a notebook; Page: what a person asks to see.

How each looks is said by `headstart.report.notebook`, which is loaded when something is shown.
"""

from __future__ import annotations

import importlib
import tempfile
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.core.arguments import AnyPath, checked
from headstart.core.language import spoken
from headstart.core.records import write_atomically


def drawn(name: str, *about: Any) -> str:
    """The HTML that a function of `headstart.report.notebook` makes."""
    return str(getattr(importlib.import_module("headstart.report.notebook"), name)(*about))


class Shown:
    """Tasks, plans, runs and results."""

    def _repr_html_(self) -> str:
        return drawn("html_of", self)


@dataclass(frozen=True)
class Page:
    """Something to look at: shown in a notebook, opened in a browser, or written to a file.

    Attributes:
        title: What it shows.
        html: The part of a page that shows it, with its style.
    """

    title: str
    html: str = field(repr=False)

    def _repr_html_(self) -> str:
        return self.html

    def __str__(self) -> str:
        said = f"{self.title}: a notebook shows them, `open()` a browser, and `write(FILE)` makes a file of HTML."
        return spoken().sentence(said)

    __repr__ = __str__

    @checked
    def write(self, path: AnyPath) -> Path:
        """The file, written; an ExportError says that it cannot be."""
        whole = f'<!doctype html><meta charset="utf-8"><title>{self.title}</title>{self.html}'
        write_atomically(Path(path), whole)
        return Path(path)

    def open(self) -> Path:
        """The file that was opened in the browser, where there is one."""
        path = self.write(Path(tempfile.mkdtemp(prefix="headstart-")) / "page.html")
        webbrowser.open(path.as_uri())
        return path
