"""Transferability scores, one pure function LabeledFeatures -> float | None a file; the folder is the registry.

Every score is higher for a better candidate. None means that the score does not apply: it needs source probabilities, or
more rows a class, and there are none. Scores that are decorated with `ranking` are combined to a rank; others are shown.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog, marked
from headstart.core.types import Floats, Integers
from headstart.features.feature_set import LabeledFeatures

Score: TypeAlias = Callable[[LabeledFeatures], float | None]
ByRow: TypeAlias = Callable[[LabeledFeatures], Floats]
ByDraw: TypeAlias = Callable[[LabeledFeatures, list[Integers]], Floats]


def ranking(by_row: ByRow | None = None, by_draw: ByDraw | None = None) -> Callable[[Score], Score]:
    """Marks a score that candidates are ranked by, and says how it is computed on sub-sets of the rows.

    Args:
        by_row: Values [sample] whose mean is the score; sub-sets are then means of these.
        by_draw: From rows of each sub-set, the score on it, float64 [draw]; nan where it is not defined.

    Returns:
        The decorator. With neither, the score is called on each sub-set.
    """
    return marked(by_row=by_row, by_draw=by_draw)


def _is_score(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and list(inspect.signature(value).parameters) == ["labeled"]
    )


SCORES: Catalog[Score] = Catalog("headstart.scores", "score", _is_score)
