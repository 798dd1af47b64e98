"""One file a format that a model can be exported to: the file's name is what `--to` takes."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.export.formats.base import Format

FORMATS: Catalog[type[Format]] = Catalog("headstart.export.formats", "format", is_final_class(Format), frozenset({"base"}))
