"""Are labels wrong?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.core.findings import Finding
from headstart.evaluation.label_noise import label_suspects
from headstart.planning.improving.fit_evidence import FitEvidence

NOTEWORTHY = 0.02
FEWEST = 3
MOST = 1 / 3
"""Of all rows: who suspects more is a poor judge of labels."""
MOST_LISTED = 50


def label_noise(evidence: FitEvidence) -> Iterator[Finding]:
    """The images whose label held-out probabilities speak against, when they are two in a hundred or more.

    Args:
        evidence: Of a fit.

    Yields:
        One finding that lists them.
    """
    held = evidence.held
    if held is None:
        return
    suspects = label_suspects(held.probs, held.labels)
    if not max(FEWEST, NOTEWORTHY * len(held)) <= len(suspects) <= MOST * len(held):
        return
    listed = [
        {"image": held.names[row], "label": held.classes[held.labels[row]], "looks_like": held.classes[held.predicted[row]]}
        for row in suspects[:MOST_LISTED].tolist()
    ]
    yield Finding(
        code="label-noise",
        severity="warning",
        title=f"{len(suspects)} of {len(held):,} labels look wrong: the model is confident of another class.",
        evidence={"count": len(suspects), "suspects": listed},
        advice="Look at the images listed, the most suspect first; mend their labels and run again.",
    )
