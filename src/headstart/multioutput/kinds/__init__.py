"""Kinds of outputs: one class a file; the folder is the registry."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.multioutput.kinds.base import OutputKind

KINDS: Catalog[type[OutputKind]] = Catalog(
    "headstart.multioutput.kinds", "output kind", is_final_class(OutputKind), frozenset({"base"})
)
