"""Are labels what is missing?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.core.findings import Finding
from headstart.planning.improving.fit_evidence import FitEvidence

FEW = 10
HIGH_ERROR = 0.1
GAP = 0.1


def too_few_labels(evidence: FitEvidence) -> Iterator[Finding]:
    """Advice to label more, when few rows a class are fitted and held-out ones are not.

    Args:
        evidence: Of a fit.

    Yields:
        One finding.
    """
    counts = evidence.task.labeled.class_counts
    error = evidence.held_error
    if evidence.held is None or counts.min() >= FEW or error < HIGH_ERROR or error - evidence.fitted_error < GAP:
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
