"""Learned: the images whose labels the network of a run was trained on; they cannot judge what is made of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headstart.backbones.providers.own_runs import run_of
from headstart.core.records import write_atomically

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


def write_learned_labels(run: Path, keys: Iterable[str]) -> None:
    """Write the content keys into a run's folder, where there are any."""
    if known := sorted(set(keys)):
        write_atomically(run / FILE, "".join(f"{key}\n" for key in known))
