"""Predict: labels and probabilities for new images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.runs.run import Run

if TYPE_CHECKING:
    from headstart.methods.test_time import TestTime


def predict(
    run: Run | str | Path, paths: str | Path | Sequence[str | Path], refuse: float | None = None, adapt: TestTime | None = None
) -> list[dict[str, Any]]:
    """One row an image: its path with label, probability and all probabilities, or with the error that kept it from being read.

    Paths are image files, and folders that are walked for images; for a run that was fitted on embeddings, files of such. A row
    is `{"path", "label", "nearest", "probability", "probs", "p_value", "refused"}` or `{"path", "error"}`.

    An image is refused, with None for a label, where its conformal p-value (that it is like the images learned from) is at most
    `refuse`: the share of images of known classes that may be refused, 0 for none, by default a twentieth. `nearest`, the most
    probable class, is given all the same. No image depends on those that come with it. A model without a novelty detector gives
    no p-value.

    An unfinished run predicts with its first model, where it has one already.

    `adapt` adapts the model to these very images first: "batch_norm" or "tent"; see `methods.test_time`. On few, mixed or skewed
    images it does harm. The run itself stays as it is, and no image is refused.
    """
    return Run.load(run, first=True).predict(paths, refuse, adapt)
