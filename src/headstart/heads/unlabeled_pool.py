"""Unlabeled pool: labeled and unlabeled rows along their common principal components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.rows import unit_rows
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.folds import Fold
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks, Representation
from headstart.heads.out_of_fold import inner_folds, out_of_fold
from headstart.heads.principal_components import PrincipalComponents, principal_components
from headstart.heads.temperature import fit_temperature

NUM_AXES = 256
"""Fewer lose what 20 labels a class distinguish: 128 cost self-training on emoji 1.5 points there, and gain one with one label.
All of some 5,000 change label spreading by 0.7 points at most (EfficientNet-Lite0; digits, emoji and solar cells, 4 seeds)."""


@dataclass(frozen=True)
class UnlabeledPool:
    """Rows with and without labels.

    Attributes:
        features: Of all rows.
        projection: Centered on all rows, along their principal axes.
        labels: int64 [row]; `UNLABELED` where there is none.
        groups: int64 [row]; labeled rows of one group are held out together.
        num_classes: C.
        seed: Decides the axes and the folds.
    """

    features: FeatureSet = field(repr=False)
    projection: PrincipalComponents
    labels: Integers = field(repr=False)
    groups: Integers = field(repr=False)
    num_classes: int
    seed: int

    @classmethod
    def of(
        cls, features: FeatureSet, labels: Integers, groups: Integers, num_classes: int, blocks: Blocks, seed: int
    ) -> UnlabeledPool:
        """The pool of those rows, its projection fitted to them."""
        representation = Representation.fitted(features, blocks)
        axes = principal_components(representation.rows(features), NUM_AXES, seed)
        return cls(features, PrincipalComponents(representation, axes), labels, groups, num_classes, seed)

    @cached_property
    def rows(self) -> Floats:
        """All rows along the axes, float32 [row, axis]."""
        return self.projection.rows(self.features)

    @cached_property
    def directions(self) -> Floats:
        """The same at unit length, for cosines."""
        return unit_rows(self.rows)

    @property
    def labeled(self) -> Integers:
        """Which rows have a label, int64, ascending."""
        return np.flatnonzero(self.labels != UNLABELED)

    def temperature(self, scores_of: Callable[[Integers, Integers], Floats], otherwise: float = 1.0) -> float:
        """The temperature of scores, fitted to labeled rows whose labels were hidden in turn; `otherwise` without folds.

        A row whose label is hidden stays among the unlabeled ones. `scores_of` takes int64 labels [row], some of them hidden, and
        indices of rows, and gives those rows' scores [sample, class].
        """
        labeled = self.labeled
        folds = inner_folds(self.labels[labeled], self.groups[labeled], self.seed)
        if not folds:
            return otherwise

        def held_out_scores(fold: Fold) -> Floats:
            hidden = self.labels.copy()
            hidden[labeled[fold.held_out]] = UNLABELED
            return scores_of(hidden, labeled[fold.held_out])

        scores, rows = out_of_fold(held_out_scores, folds)
        return fit_temperature(scores, self.labels[labeled[rows]])


def unlabeled_pool(task: Task, backbone: Backbone, blocks: Blocks, seed: int) -> UnlabeledPool:
    """The task's training rows, then its unlabeled rows; a `DataError` where there are no unlabeled rows."""
    if not task.unlabeled:
        raise DataError(f"{task.name} has no unlabeled images to pool. Add a folder unlabeled/, or choose ridge.")
    rows = concatenate(task.train, task.unlabeled)
    return UnlabeledPool.of(features_of(rows, backbone), rows.labels, rows.groups, task.num_classes, blocks, seed)
