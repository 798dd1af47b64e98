"""Attributes of images by which accuracy is told apart, one class a file; the folder is the registry."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.evaluation.slices.base import Attribute

ATTRIBUTES: Catalog[type[Attribute]] = Catalog(
    "headstart.evaluation.slices", "attribute", is_final_class(Attribute), frozenset({"base"})
)


def all_attributes() -> dict[str, Attribute]:
    """Every attribute by name."""
    return {name: attribute() for name, attribute in ATTRIBUTES.all().items()}
