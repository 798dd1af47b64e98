"""Could one network, taught by the ensemble, do better than the ensemble?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.planning.improving.distilling import taught_students
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

GAIN = 0.03
"""Over six cells of digits, MNIST, Fashion-MNIST, emoji and solar cells, ridge on one network that the ensemble taught on 600 to
1,000 unlabeled images was 0.6 points better than the ensemble, about this share of its errors (`benchmarks.distilling`)."""


def distillable(evidence: FitEvidence) -> Iterator[Proposal]:
    """One network that the ensemble has taught on unlabeled images, where there are any."""
    if not evidence.plan.partners:
        return
    for student in taught_students(evidence):
        yield Proposal(student.plan, f"{student.reason} It costs one network in place of several.", GAIN)
