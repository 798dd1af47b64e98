"""Accuracy estimators: accuracy on images without labels, one pure function a file; the folder is the registry.

Each takes what a model predicts for labeled images that it was not fitted to, their labels, and what it predicts for the images
without labels, and returns a share. All of them read confidence, so that confident mistakes, as large shifts cause them, mislead
them all.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog
from headstart.core.types import Floats, Integers

AccuracyEstimator: TypeAlias = Callable[[Floats, Integers, Floats], float]
"""(held_out_probs [held-out row, class], held_out_labels [held-out row], probs [row, class]) to a share."""
ARGUMENTS = ["held_out_probs", "held_out_labels", "probs"]


def _is_estimator(value: Any) -> bool:
    return inspect.isfunction(value) and list(inspect.signature(value).parameters) == ARGUMENTS


ACCURACY_ESTIMATORS: Catalog[AccuracyEstimator] = Catalog(
    "headstart.evaluation.accuracy_estimators", "accuracy estimator", _is_estimator
)
