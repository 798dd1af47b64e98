"""Closed forms on frozen features."""
