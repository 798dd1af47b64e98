"""Predict: labels and probabilities for new images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headstart.methods.test_time import TestTime
from headstart.runs.run import Run


def predict(
    run: Run | str | Path,
    paths: str | Path | Sequence[str | Path],
    refuse: float | None = None,
    adapt: TestTime | None = None,
) -> list[dict[str, Any]]:
    """One row a file: its path with label, probability and all probabilities, or with the error that kept it from being read.

    An image that looks less familiar than all but a share `refuse` of known ones is refused: it gets no label. Each file is
    judged for itself, whatever others come with it, unless `adapt` is given.

    Args:
        run: A finished run, or its folder.
        paths: Image files, and folders that are walked for images; for a run that was fitted on embeddings, files of such.
        refuse: Share of images of known classes that may be refused, 0 for none; None for a twentieth if the model can judge.
        adapt: Adapt the model to these very images first: "batch_norm" or "tent"; see `methods.test_time`. On few, mixed or
            skewed images it does harm. The run itself stays as it is, and no image is refused.

    Returns:
        `{"path", "label", "nearest", "probability", "probs", "familiarity", "refused"}` or `{"path", "error"}`, in the order of
        the paths. `label` is None where the image is refused; `nearest`, the likeliest class, and its probability are given all
        the same. The last two are left out where the model cannot judge familiarity.

    Raises:
        PlanError: `refuse` is no share, or the model cannot be adapted.
        DataError: The folder holds no finished run, there is no image, or the model cannot judge familiarity and is to refuse.
    """
    return Run.load(run).predict(paths, refuse)
