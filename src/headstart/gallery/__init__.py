"""Gallery: classes from a few images each, added and removed without training."""

from headstart.gallery.gallery import Gallery

__all__ = ["Gallery"]
