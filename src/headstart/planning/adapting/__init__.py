"""Adapting: from many adapted models to one that can be trusted, without target labels; the unadapted one is among them."""
