"""Attribution maps: ways to tell which places of a picture speak for a class, one class a file; the folder is the registry."""

from headstart.attribution.maps.base import MapMethod
from headstart.core.catalog import Catalog, is_final_class

MAPS: Catalog[type[MapMethod]] = Catalog("headstart.attribution.maps", "map", is_final_class(MapMethod), frozenset({"base"}))
