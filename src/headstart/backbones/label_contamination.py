"""Label contamination: the images whose labels the network of a run has learned; no candidate made from it is tested on them."""

from __future__ import annotations

from pathlib import Path

from headstart.backbones.providers.own_runs import run_of

FILE = "learned.txt"
"""Content keys, one a line."""


def labels_learned_in(run: Path) -> frozenset[str]:
    """The content keys of the images whose labels the network in a run's folder has learned."""
    path = run / FILE
    return frozenset(path.read_text(encoding="ascii").split()) if path.exists() else frozenset()


def labels_learned_by(name: str) -> frozenset[str]:
    """The content keys of the images whose labels a pretrained model has learned; none for models that are no runs."""
    folder = run_of(name)
    return labels_learned_in(folder) if folder else frozenset()
