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
    is `{"path", "label", "probability", "probs", "unknown": {"p_value", "flag"}}` or `{"path", "error"}`.

    `label` is the most probable class of every image. The conformal p-value tests whether the image is like those learned from;
    `flag` is true where it is below 0.05, as for a twentieth of the images of known classes. No image depends on those that come
    with it. A model without a novelty detector cannot tell: `unknown` is None.

    With `refuse` the label is None where the p-value is below it, and `best_guess` names the most probable class of every image;
    `refuse` is then the share of images of known classes that may be left without a label.

    An unfinished run predicts with its first model, where it has one already.

    `adapt` adapts the model to these very images first: "batch_norm" or "tent"; see `methods.test_time`. On few, mixed or skewed
    images it does harm. The run itself stays as it is, and so do the p-values.
    """
    return Run.load(run, first=True).predict(paths, refuse, adapt)
