"""Learned: the images whose labels the network of a run was trained on; they cannot judge what is made of it."""

from __future__ import annotations

from pathlib import Path

from headstart.backbones.providers.own_runs import run_of

FILE = "learned.txt"
"""Content keys, one a line."""


def labels_learned_in(run: Path) -> frozenset[str]:
    """The content keys that lie in a run's folder; none where its network learned no labels."""
    path = run / FILE
    return frozenset(path.read_text(encoding="ascii").split()) if path.exists() else frozenset()


def labels_learned_by(name: str) -> frozenset[str]:
    """Content keys of the images whose labels a model has learned, as far as a run of one's own tells.

    Args:
        name: Of a pretrained model.

    Returns:
        The keys; none for models that are no runs.
    """
    folder = run_of(name)
    return labels_learned_in(folder) if folder else frozenset()
