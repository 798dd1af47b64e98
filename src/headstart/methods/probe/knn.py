"""KNN: votes of the nearest training rows by cosine."""

from __future__ import annotations

from typing import cast, final

import numpy as np
from pydantic import Field

from headstart.core.rows import unit_rows
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats, Integers
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks, Representation
from headstart.heads.temperature import fit_temperature
from headstart.methods._probe import Probe
from headstart.methods.heads import NeighborHead

CALIBRATION_ROWS = 2_000
"""Rows whose leave-one-out scores fit the temperature, evenly spaced; one scalar needs no more."""


@final
class KNN(Probe):
    """Predicts by the votes of the nearest training rows by cosine.

    Nothing is fitted but the temperature, so that the result measures the features alone.

    Needs: labeled rows, one a class suffices.
    Helps: as a check of features, and for classes of several clusters each.
    Hurts: with few rows in many dimensions, where linear heads win; prediction takes time and memory with the rows.

    Attributes:
        blocks: What the head sees; all stages by default, which beat the penultimate layer by 2 to 8 points on small sets.
        num_neighbors: How many vote; one by default, since five fail with five rows a class or fewer. Never more than there are
            rows.
    """

    blocks: Blocks = "stages"
    num_neighbors: int = Field(default=1, ge=1, le=100)

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[NeighborHead, float]:
        representation = Representation.fitted(features, self.blocks)
        rows = unit_rows(representation.matrix(features))
        head = NeighborHead(representation, rows, cast(Floats, labels), min(self.num_neighbors, len(rows)), num_classes)
        left_out = evenly_spaced(len(rows), CALIBRATION_ROWS)
        if len(rows) < 2:
            return head, 1.0
        return head, fit_temperature(_left_out(head, left_out), labels[left_out])


def _left_out(head: NeighborHead, left_out: Integers) -> Floats:
    """The head's scores of its own rows, each without its own vote, float64 [left-out sample, class]."""
    num_neighbors = min(head.num_neighbors, len(head.rows) - 1)
    cosines = head.rows[left_out] @ head.rows.T
    cosines[np.arange(len(left_out)), left_out] = -np.inf
    return head.class_scores(cosines, num_neighbors)
