"""Closed forms on frozen features of labeled images."""
