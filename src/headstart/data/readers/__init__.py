"""One file per layout of data on disk; the folder is the registry."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.data.readers.base import Reader

READERS: Catalog[type[Reader]] = Catalog("headstart.data.readers", "reader", is_final_class(Reader), frozenset({"base"}))
