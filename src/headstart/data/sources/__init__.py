"""Labeled source domains: their rows, and a task made of a target and its sources."""
