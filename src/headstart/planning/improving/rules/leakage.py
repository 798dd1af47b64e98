"""Were held-out rows easier than new ones will be?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.core.findings import Finding
from headstart.planning.improving.fit_evidence import FitEvidence

GAP = 0.1
"""Accuracy on held-out rows minus the upper end of the 95 % interval on the test set. Chosen, not measured."""


def leakage(evidence: FitEvidence) -> Iterator[Finding]:
    """Advice to look for what fitted and held-out rows share, when test images are found much less often than held-out ones."""
    evaluation, held_out = evidence.evaluation, 1 - evidence.held_out_error
    if evaluation is None or evaluation.split != "test" or held_out - evaluation.accuracy.high < GAP:
        return
    test = evaluation.accuracy.value
    yield Finding(
        code="leakage",
        severity="warning",
        title=f"Accuracy is {held_out:.1%} on held-out training images and {test:.1%} on the "
        f"{evaluation.num_images:,} test images.",
        evidence={"held_out": round(held_out, 4), "test": round(test, 4)},
        advice="Look for what training images share and test images do not: one object, patient or camera. Name it as group.",
    )
