"""Serving: models and galleries behind an address, over HTTP."""
