"""Baseline++: cosine classifier on frozen features, by gradient (Baseline++)."""

from __future__ import annotations

from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from headstart.core.ranges import Searched
from headstart.core.rows import linear_scores, unit_rows
from headstart.core.types import Floats, Integers
from headstart.data.folds import Fold
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks, Representation
from headstart.heads.class_statistics import with_absent_classes
from headstart.heads.out_of_fold import inner_folds
from headstart.methods._probe import Probe, held_out_temperature
from headstart.methods.heads import LinearHead
from headstart.training.cosine_classifier import cosine_classifier


@final
class BaselinePlusPlus(Probe):
    """Trains one direction a class on frozen features, compared by cosine, by gradient descent on the few labeled rows.

    A direction has no length, so that classes with more rows do not win by size.

    Needs: labeled rows, one a class suffices.
    Helps: with three to ten rows a class, where their number differs.
    Hurts: with one row a class: the direction stays the class mean, at more cost.

    Reference: Chen et al., "A Closer Look at Few-shot Classification", ICLR 2019, section 3.2.
    Differs: see `cosine_classifier`; each stage of the features is scaled to unit length on its own.

    Attributes:
        blocks: What the classifier sees.
        scale: Of the cosines.
        num_steps: Steps of Adam, each over all rows.
        lr: Step size.
    """

    blocks: Blocks = "stages"
    scale: Annotated[float, Field(gt=0, le=1000), Searched(1, 100)] = 10.0
    num_steps: Annotated[int, Field(ge=0, le=10_000), Searched(0, 200)] = 50
    lr: Annotated[float, Field(gt=0, le=1), Searched(1e-4, 1e-1)] = 1e-3

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[LinearHead, float]:
        representation = Representation.fitted(features, self.blocks)
        rows = unit_rows(representation.matrix(features))

        def held_out_scores(fold: Fold) -> Floats:
            return linear_scores(rows[fold.held_out], *self._directions(rows[fold.fit], labels[fold.fit], num_classes))

        temperature = held_out_temperature(held_out_scores, inner_folds(labels, groups, 0), labels)
        weight, bias = self._directions(rows, labels, num_classes)
        shrink = np.sqrt(len(representation.means))
        return LinearHead(representation, np.asarray(weight / shrink, np.float32), bias), temperature

    def _directions(self, rows: Floats, labels: Integers, num_classes: int) -> tuple[Floats, Floats]:
        """Weight [feature, class] and bias [class] for rows of unit length."""
        present, numbered = np.unique(labels, return_inverse=True)
        targets = functional.one_hot(torch.from_numpy(numbered), len(present)).float()
        found = cosine_classifier(torch.from_numpy(rows), targets, self.scale, self.num_steps, self.lr).numpy()
        weight = self.scale * np.asarray(found, np.float64).T
        return with_absent_classes(weight, np.zeros(len(present)), present, num_classes, -2.0 * self.scale)
