"""Rules of adjusting: one symptom a file, one function Evidence -> proposals and findings; the folder is the registry.

A rule that does not fire yields nothing. One with several remedies yields them in the order in which they should be tried.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from headstart.core.catalog import Catalog
from headstart.core.findings import Finding
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

Rule: TypeAlias = Callable[[FitEvidence], Iterator[Proposal | Finding]]


def _is_rule(value: Any) -> bool:
    return (
        inspect.isfunction(value)
        and not value.__name__.startswith("_")
        and list(inspect.signature(value).parameters) == ["evidence"]
    )


RULES: Catalog[Rule] = Catalog("headstart.planning.improving.rules", "rule", _is_rule)
