"""Checks of a task's data, one function Task -> Finding | NotApplicable | None a file; the folder is the registry.

None means that there is nothing to report. A check reads no test label. What concerns single rows (unreadable, repeated,
contradictory ones) is found where the task is made, in `headstart.data.cleaning`, as it decides which rows are used.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog
from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task

Check: TypeAlias = Callable[[Task], Finding | NotApplicable | None]


def _is_check(value: Any) -> bool:
    return (
        inspect.isfunction(value) and not value.__name__.startswith("_") and list(inspect.signature(value).parameters) == ["task"]
    )


CHECKS: Catalog[Check] = Catalog("headstart.checks", "check", _is_check, frozenset({"inspection"}))
