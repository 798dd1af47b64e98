"""`headstart datasets`: built-in sets and the layouts that are read."""

from __future__ import annotations

from headstart.cli import _options as options

POSITION = 52


def datasets(as_json: options.Json = False) -> None:
    """List the built-in sets, and the layouts in which your own data may lie."""
    from headstart.cli._printing import plain, print_json, show, table
    from headstart.workflows.datasets import datasets as known_datasets

    known = known_datasets()
    if as_json:
        print_json(known)
        return
    named, read = ([(plain(name, "bold"), plain(line)) for name, line in lines.items()] for lines in known.values())
    show(table(("name", "built-in set"), named), "", table(("reader", "your own data"), read))
