"""Runs: the finished runs of a folder."""

from __future__ import annotations

from pathlib import Path

from headstart.runs.run import Run, list_runs


def runs(folder: str | Path = "runs") -> list[Run]:
    """The finished runs in a folder, oldest first; those that cannot be read are left out."""
    return list_runs(folder)
