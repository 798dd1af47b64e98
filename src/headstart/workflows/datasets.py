"""Datasets: the built-in sets, and the layouts of data that are read."""

from __future__ import annotations

from headstart.core.arguments import checked
from headstart.data.built_in import built_in_names
from headstart.data.readers import READERS


@checked
def datasets() -> dict[str, dict[str, str]]:
    """A line for each built-in set, under "built_in", and for each layout of one's own data, under "layouts"."""
    return {"built_in": dict(built_in_names()), "layouts": {name: reader.summary for name, reader in READERS.all().items()}}
