"""Are labels wrong?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from headstart.core.findings import Finding
from headstart.evaluation.label_errors import assess_labels
from headstart.planning.improving.fit_evidence import FitEvidence

MOST_LISTED = 50
"""Names of suspect images in the finding, at most."""


def label_noise(evidence: FitEvidence) -> Iterator[Finding]:
    """The images whose label held-out probabilities speak against beyond what chance explains."""
    held_out = evidence.held_out
    if held_out is None:
        return
    assessed = assess_labels(held_out.probs, held_out.labels, groupings=(held_out.groups,))
    flagged = assessed.order[assessed.flagged[assessed.order]]
    if not len(flagged):
        return
    listed = [
        {
            "image": held_out.names[row],
            "label": held_out.classes[held_out.labels[row]],
            "looks_like": held_out.classes[assessed.suggested[row]],
            "p_value": float(assessed.p_values[row]),
        }
        for row in flagged[:MOST_LISTED].tolist()
    ]
    yield Finding(
        code="label-noise",
        severity="warning",
        title=f"{len(flagged)} of {len(held_out):,} labels look wrong: the model is confident of another class.",
        evidence={"count": len(flagged), "noise": round(float(np.clip(assessed.noise, 0, 1)), 4), "suspects": listed},
        advice="Look at the images listed, the most suspect first; mend their labels and run again.",
    )
