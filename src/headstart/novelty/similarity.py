"""Familiarity: which images of a target look like none of a source's, so that any answer to them would be wrong."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.rows import parts, unit_rows
from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.features.representation import Blocks, Representation

NUM_NEIGHBORS = 10
"""K of the paper."""
BLOCK_VALUES = 20_000_000


def similarity(target: Floats, source: Floats) -> Floats:
    """How like each target row is to the source row that it is most like.

    A source row that is like many target rows counts less: being like it says little.

    Args:
        target: float [target, feature], centered on the target.
        source: float [source, feature], centered on the source.

    Returns:
        float64 [target]: twice the cosine, less the mean cosine of that source row with its ten nearest target rows.

    Raises:
        DataError: A domain has no rows.

    Reference: Conneau et al., "Word translation without parallel data", ICLR 2018, section 2.3 (cross-domain similarity local
        scaling).
    Differs: the target row's own mean is not taken off, as it is what is to be measured.
    """
    if not min(len(target), len(source)):
        raise DataError(f"Likeness needs rows of both domains, and these have {len(target)} and {len(source)}.")
    rows, others = unit_rows(np.asarray(target, np.float64)), unit_rows(np.asarray(source, np.float64))
    near = min(NUM_NEIGHBORS, len(rows))
    best = np.full(len(rows), -np.inf)
    for part in parts(len(others), max(1, BLOCK_VALUES // len(rows))):
        cosines = rows @ others[part].T
        common = np.partition(cosines, len(rows) - near, axis=0)[-near:].mean(axis=0)
        best = np.maximum(best, (2.0 * cosines - common).max(axis=1))
    return np.asarray(best)


def familiarity(target: ImageSet, source: ImageSet, backbone: Backbone, probs: Floats, blocks: Blocks = "stages") -> Floats:
    """Which images to answer first, and which to refuse: the mean of two ranks, by likeness and by confidence.

    It orders the images of one set and says nothing of how many are of unknown classes. Labels are not read.

    Args:
        target: Images to be answered.
        source: Images that the answers were learned from.
        backbone: What looks at them.
        probs: float [target, class]: the model's probabilities.
        blocks: What is taken of its features.

    Returns:
        float64 [target], in (0, 1]; low for images to refuse.
    """
    seen = [features_of(images, backbone) for images in (target, source)]
    rows = [Representation.fitted(one, blocks).matrix(one) for one in seen]
    return np.asarray((rankdata(similarity(*rows)) + rankdata(probs.max(axis=1))) / (2.0 * len(target)))
