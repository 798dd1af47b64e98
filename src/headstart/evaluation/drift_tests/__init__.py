"""Drift tests: whether new images are like those learned from, one pure function a file; the folder is the registry.

Each returns the p-value of the hypothesis that they are, or None where it does not apply. They take rows to be independent:
frames of one video are not, and are then found to differ too often.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog
from headstart.evaluation.drift_inputs import DriftInputs

DriftTest: TypeAlias = Callable[[DriftInputs], float | None]


def _is_test(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and list(inspect.signature(value).parameters) == ["inputs"]
    )


DRIFT_TESTS: Catalog[DriftTest] = Catalog("headstart.evaluation.drift_tests", "drift test", _is_test)
