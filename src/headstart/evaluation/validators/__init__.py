"""Validators: estimates of target accuracy without target labels, one pure function a file; the folder is the registry.

Every validator is higher for a better candidate. None means that it does not apply. None of them can be trusted alone: each has
inputs on which degenerate predictions score best, and its docstring names them. Those decorated with `deciding` decide whether
an adapted ensemble is accepted; the others are shown next to them.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog, marked
from headstart.evaluation.validator_inputs import ValidatorInputs

Validator: TypeAlias = Callable[[ValidatorInputs], float | None]


def deciding(tolerance: float | None = None) -> Callable[[Validator], Validator]:
    """Marks a validator that decides whether an adapted ensemble is accepted.

    Args:
        tolerance: By how much the ensemble may fall behind the unadapted model; None where a fall alone does not reject it. The
            0.01 of neighborhood and circular are chosen, not measured.

    Returns:
        The decorator.
    """
    return marked(tolerance=tolerance)


def tolerances() -> dict[str, float | None]:
    """The tolerance of each deciding validator, by name."""
    return VALIDATORS.having("tolerance")


def _is_validator(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and list(inspect.signature(value).parameters) == ["inputs"]
    )


VALIDATORS: Catalog[Validator] = Catalog("headstart.evaluation.validators", "validator", _is_validator)
