"""Corruptions: ways in which pictures get worse, one class a file; the folder is the registry."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.data.corruptions.base import FAMILIES, Corruption

CORRUPTIONS: Catalog[type[Corruption]] = Catalog(
    "headstart.data.corruptions", "corruption", is_final_class(Corruption), frozenset({"base"})
)


def all_corruptions() -> dict[str, Corruption]:
    """Every corruption by name: the families of the paper first, then everyday changes, by name in each."""
    found = {name: corruption() for name, corruption in CORRUPTIONS.all().items()}
    return dict(sorted(found.items(), key=lambda one: (FAMILIES.index(one[1].family), one[0])))


def title_of(name: str) -> str:
    """What a table calls a corruption; its name where it is that of a plug-in that is gone."""
    return CORRUPTIONS.get(name).title if name in CORRUPTIONS.names() else name
