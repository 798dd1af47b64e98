"""`headstart datasets`: built-in sets and the layouts that are read."""

from __future__ import annotations

from headstart.cli import _options as options
from headstart.cli._printing import answer, plain, said, table

POSITION = 52


def datasets(as_json: options.Json = False) -> None:
    """List the built-in sets, and the layouts of data that are read."""
    from headstart.workflows.datasets import datasets as known_datasets

    known = known_datasets()
    named, read = ([(plain(name, "bold"), said(line)) for name, line in lines.items()] for lines in known.values())
    answer(as_json, known, table(("name", "built-in set"), named), "", table(("reader", "your own data"), read))
