"""Rules of adjusting: one symptom a file, one function from the evidence of a fit to proposals and findings; the folder is the
registry.

A rule that does not apply yields nothing. One with several remedies yields them in the order in which they should be tried.
`GAIN` is the share of the held-out error that a remedy may remove. It only orders the proposals of several rules: faults that
ruin a fit come first. It is chosen, not measured.
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
