"""Predict: labels and probabilities for new images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headstart.runs.run import Run


def predict(run: Run | str | Path, paths: str | Path | Sequence[str | Path], refuse: float | None = None) -> list[dict[str, Any]]:
    """One row a file: its path with label, probability and all probabilities, or with the error that kept it from being read.

    An image that looks less familiar than all but a share `refuse` of known ones is refused: it gets no label. Each file is
    judged for itself, whatever others come with it.

    Args:
        run: A finished run, or its folder.
        paths: Image files.
        refuse: Share of images of known classes that may be refused, 0 for none; None for a twentieth if the model can judge.

    Returns:
        `{"path", "label", "nearest", "probability", "probs", "familiarity", "refused"}` or `{"path", "error"}`, in the order of
        the paths. `label` is None where the image is refused; `nearest`, the likeliest class, and its probability are given all
        the same. The last two are left out where the model cannot judge familiarity.

    Raises:
        PlanError: `refuse` is no share.
        DataError: The folder holds no finished run, or the model cannot judge familiarity, and it is to refuse.
    """
    return Run.load(run).predict(paths, refuse)
