"""Validators: estimates of target accuracy without target labels, one pure function a file; the folder is the registry.

Every validator is higher for a better candidate. None means that it does not apply. None of them can be trusted alone: each has
inputs on which wrong predictions score best, and its docstring names them. Those decorated with `deciding` are added up, and
decide where no explanation of the shift suffices; the others are shown next to them.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog, marked
from headstart.evaluation.validator_inputs import ValidatorInputs

Validator: TypeAlias = Callable[[ValidatorInputs], float | None]


def deciding(validator: Validator) -> Validator:
    """Marks a validator that is added up, with the others that are marked, to compare adapted models with the unadapted one."""
    return marked(decides=True)(validator)


def deciding_validators() -> tuple[str, ...]:
    """The names of those validators."""
    return tuple(VALIDATORS.having("decides"))


def _is_validator(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and list(inspect.signature(value).parameters) == ["inputs"]
    )


VALIDATORS: Catalog[Validator] = Catalog("headstart.evaluation.validators", "validator", _is_validator)
