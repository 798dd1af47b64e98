"""Are labels wrong?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.core.findings import Finding
from headstart.evaluation.label_noise import label_suspects
from headstart.planning.improving.fit_evidence import FitEvidence

NOTEWORTHY = 0.02
"""Share of suspect labels from which on they are reported. Chosen, not measured."""
FEWEST = 3
"""Suspect labels from which on they are reported. Chosen, not measured."""
MOST = 1 / 3
"""Larger share of suspect labels: then the model is poor, not the labels. Chosen, not measured."""
MOST_LISTED = 50
"""Names of suspect images in the finding, at most."""


def label_noise(evidence: FitEvidence) -> Iterator[Finding]:
    """The images whose label held-out probabilities speak against, when they are two in a hundred or more."""
    held_out = evidence.held_out
    if held_out is None:
        return
    suspects = label_suspects(held_out.probs, held_out.labels)
    if not max(FEWEST, NOTEWORTHY * len(held_out)) <= len(suspects) <= MOST * len(held_out):
        return
    listed = [
        {
            "image": held_out.names[row],
            "label": held_out.classes[held_out.labels[row]],
            "looks_like": held_out.classes[held_out.predicted[row]],
        }
        for row in suspects[:MOST_LISTED].tolist()
    ]
    yield Finding(
        code="label-noise",
        severity="warning",
        title=f"{len(suspects)} of {len(held_out):,} labels look wrong: the model is confident of another class.",
        evidence={"count": len(suspects), "suspects": listed},
        advice="Look at the images listed, the most suspect first; mend their labels and run again.",
    )
