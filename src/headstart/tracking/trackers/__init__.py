"""One file a tracker: the file's name is what `--track` takes."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.tracking.trackers.base import Tracker

TRACKERS: Catalog[type[Tracker]] = Catalog("headstart.tracking.trackers", "tracker", is_final_class(Tracker), frozenset({"base"}))
