"""Validators: what stands for target accuracy without target labels, one pure function a file; the folder is the registry.

Every validator is higher for a better candidate. None means that it does not apply: what it looks at is not there. None of
them can be trusted alone: each has inputs on which a collapsed model scores best, and its docstring names them.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog
from headstart.evaluation.validator_inputs import ValidatorInputs

Validator: TypeAlias = Callable[[ValidatorInputs], float | None]


def _is_validator(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and list(inspect.signature(value).parameters) == ["evidence"]
    )


VALIDATORS: Catalog[Validator] = Catalog("headstart.evaluation.validators", "validator", _is_validator)
