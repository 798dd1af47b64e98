"""`headstart datasets`: built-in sets and the layouts that are read."""

from __future__ import annotations

from headstart.cli import _options as options

POSITION = 52


def datasets(as_json: options.Json = False) -> None:
    """List the built-in sets, and the layouts in which your own data may lie."""
    from headstart.cli._printing import plain, print_json, show, table
    from headstart.data.built_in import built_in_names
    from headstart.data.readers import READERS

    built_in = built_in_names()
    layouts = {name: reader.summary for name, reader in READERS.all().items()}
    if as_json:
        print_json({"built_in": built_in, "layouts": layouts})
        return
    named = [(plain(name, "bold"), plain(line)) for name, line in built_in.items()]
    read = [(plain(name, "bold"), plain(line)) for name, line in layouts.items()]
    show(table(("name", "built-in set"), named), "", table(("reader", "your own data"), read))
