"""Sets of pictures that are known by name: one file a set; the folder is the registry."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.data.built_in.base import BuiltIn

BUILT_IN: Catalog[type[BuiltIn]] = Catalog("headstart.data.built_in", "dataset", is_final_class(BuiltIn), frozenset({"base"}))


UNKNOWN_LICENSE = "unknown"
"""What is said of a license that is not known."""


def built_in_names() -> dict[str, str]:
    """One line about each built-in set, by the name that `read_task` and `headstart run` take."""
    return {name: line for kind in BUILT_IN.all().values() for name, line in kind.names.items()}


def built_in_licenses() -> dict[str, str]:
    """The license of each set, by its name, as far as it is known."""
    return {name: known for kind in BUILT_IN.all().values() for name, known in kind.licenses.items()}
