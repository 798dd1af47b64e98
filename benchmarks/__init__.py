"""Benchmarks: headstart next to what a user would run instead; each script prints what it measured in one run."""
