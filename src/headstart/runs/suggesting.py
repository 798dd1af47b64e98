"""Commands that use a run, as messages suggest them."""

from __future__ import annotations

import shlex
from pathlib import Path


def predict_command(folder: str | Path, *, pictures: bool = True) -> str:
    """The command that labels new images by a run, or new feature vectors where it has learned from such.

    >>> predict_command("runs/a b"), predict_command("runs/a", pictures=False)
    ("headstart predict 'runs/a b' NEW_IMAGES", 'headstart predict runs/a NEW_FEATURES.npz')
    """
    return shlex.join(["headstart", "predict", str(folder), "NEW_IMAGES" if pictures else "NEW_FEATURES.npz"])
