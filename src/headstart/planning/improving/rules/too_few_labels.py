"""Are there too few labels?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.core.findings import Finding
from headstart.planning.improving.fit_evidence import FitEvidence

FEW = 10
"""Labels of the rarest class. Chosen, not measured."""
HIGH_ERROR = 0.1
"""Held-out error. Chosen, not measured."""
GAP = 0.1
"""Held-out error minus fitted error. Chosen, not measured."""


def too_few_labels(evidence: FitEvidence) -> Iterator[Finding]:
    """Advice to label more, when few rows a class are fitted and held-out ones are not."""
    counts = evidence.task.labeled.class_counts
    error = evidence.held_out_error
    if evidence.held_out is None or counts.min() >= FEW or error < HIGH_ERROR or error - evidence.fitted_error < GAP:
        return
    rarest = evidence.task.classes[int(counts.argmin())]
    yield Finding(
        code="too-few-labels",
        severity="warning",
        title=f"{evidence.fitted_error:.1%} of fitted images are wrong and {error:.1%} of held-out ones, with as few as "
        f"{counts.min()} labels a class.",
        evidence={"fitted_error": round(evidence.fitted_error, 4), "held_error": round(error, 4), "least": int(counts.min())},
        advice=f'Label more images, of "{rarest}" first: no setting replaces them.',
    )
