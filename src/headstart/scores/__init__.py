"""Floor 3: transferability scores, one pure function LabeledFeatures -> float | None a file; the folder is the registry.

Every score is higher for a better candidate. None means that the score does not apply: it needs source probabilities, or
more rows a class, and there are none.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog
from headstart.features.feature_set import LabeledFeatures

Score: TypeAlias = Callable[[LabeledFeatures], float | None]


def _is_score(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and next(iter(inspect.signature(value).parameters), None) == "labeled"
        and len(inspect.signature(value).parameters) == 1
    )


SCORES: Catalog[Score] = Catalog("headstart.scores", "score", _is_score)
