"""Do class shares of training and validation images differ?"""

from __future__ import annotations

import numpy as np

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task

LEAST_DISTANCE = 0.1
"""Total variation distance of the class shares from which a difference is reported. Chosen, not measured."""
LARGEST_P_VALUE = 0.001
"""Of a thousand random splits one is reported by chance."""


def split_drift(task: Task) -> Finding | NotApplicable | None:
    """A finding when the class shares of train and a given validation split differ by more than chance and by a tenth.

    The distance is half the sum of absolute differences of the shares. The test split is not looked at: its labels are sealed.
    """
    if task.validation is None or not len(task.train):
        return NotApplicable(reason="there is no validation set next to training images")
    both = np.stack([task.train.class_counts, task.validation.class_counts])
    present = np.flatnonzero(both.any(axis=0))
    counts = both[:, present]
    shares = counts / counts.sum(axis=1, keepdims=True)
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    from scipy.stats import chi2_contingency  # noqa: PLC0415  takes half a second

    p_value = float(chi2_contingency(counts).pvalue)
    if distance < LEAST_DISTANCE or p_value > LARGEST_P_VALUE:
        return None
    most = int(np.abs(shares[0] - shares[1]).argmax())
    name = task.classes[present[most]]
    return Finding(
        code="split-drift",
        severity="warning",
        title=f'Train and validation differ in their classes: "{name}" is {shares[0, most]:.2f} of one '
        f"and {shares[1, most]:.2f} of the other.",
        evidence={"distance": round(distance, 4), "p_value": p_value, "class": name},
        advice="Split again at random, unless the difference is intended: else what is chosen on validation may be wrong.",
    )
