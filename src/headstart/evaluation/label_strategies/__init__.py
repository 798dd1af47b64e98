"""Strategies of choosing images to label, one pure function a file; the folder is the registry.

Each returns the rows to label, the most useful first, int64 [num], or None where it needs a model and there is none.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog
from headstart.core.types import Integers
from headstart.evaluation.label_inputs import LabelInputs

LabelStrategy: TypeAlias = Callable[[LabelInputs], Integers | None]


def _is_strategy(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and list(inspect.signature(value).parameters) == ["inputs"]
    )


LABEL_STRATEGIES: Catalog[LabelStrategy] = Catalog("headstart.evaluation.label_strategies", "label strategy", _is_strategy)
