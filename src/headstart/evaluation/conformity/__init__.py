"""Conformity scores, one pure function probs -> scores a file; the folder is the registry.

A score says how badly each class fits an image, from the probabilities alone: float64 [sample, class], higher is worse. A
prediction set holds the classes whose scores are no worse than those that true classes have.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog
from headstart.core.types import Floats

ConformityScore: TypeAlias = Callable[[Floats], Floats]


def _is_score(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and list(inspect.signature(value).parameters) == ["probs"]
    )


CONFORMITY: Catalog[ConformityScore] = Catalog("headstart.evaluation.conformity", "conformity score", _is_score)


def never_empty(name: str) -> bool:
    """Whether sets by that score always hold the most probable class, at the price of more coverage than was asked for."""
    return bool(getattr(CONFORMITY.get(name), "never_empty", False))
