"""NCE: the negative conditional entropy of the target class given the source class."""

from __future__ import annotations

import numpy as np

from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import compact, one_hot


def nce(labeled: LabeledFeatures) -> float | None:
    """Minus the conditional entropy of the label given the model's most probable source class.

    Too high with few rows and many source classes: a source class that occurs once predicts its row perfectly.

    A value between minus the labels' entropy and 0; None without source probabilities.

    Reference: Tran et al., "Transferability and hardness of supervised classification tasks", ICCV 2019, eq. 5.
    """
    if labeled.source_probs is None:
        return None
    labels = compact(labeled.labels)
    hard = compact(np.asarray(labeled.source_probs).argmax(axis=1))
    joint = one_hot(labels, int(labels.max()) + 1).T @ one_hot(hard, int(hard.max()) + 1) / len(labels)
    conditional = joint / joint.sum(axis=0)
    return float((joint * np.log(np.where(joint > 0, conditional, 1.0))).sum())
