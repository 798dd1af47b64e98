"""Fits: what makes a member from images with targets, one class a file; the folder is the registry."""

from headstart.core.catalog import Catalog, is_final_class
from headstart.multioutput.fits.base import OutputFit

FITS: Catalog[type[OutputFit]] = Catalog(
    "headstart.multioutput.fits", "output fit", is_final_class(OutputFit), frozenset({"base"})
)
