"""Baseline++: a cosine classifier on frozen features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, final

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.core.types import Floats, Integers
from headstart.data.folds import Fold
from headstart.data.task import Task
from headstart.features.class_statistics import with_absent_classes
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.out_of_fold import inner_folds, out_of_fold
from headstart.features.representation import Blocks, Representation
from headstart.features.rows import linear_scores, unit_rows
from headstart.features.temperature import fit_temperature
from headstart.methods.base import Method
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.training.cosine_classifier import cosine_classifier
from headstart.training.settings import Training


@final
class BaselinePlusPlus(Method):
    """Trains one direction a class on frozen features, compared by cosine, by gradient descent on the few labeled rows.

    A direction has no length, so that classes with more rows do not win by size.

    Needs: labeled rows, one a class suffices.
    Helps: with three to ten rows a class, where their number differs.
    Hurts: with one row a class: it stays the class mean, at more cost.

    Reference: Chen et al., "A Closer Look at Few-shot Classification", ICLR 2019, section 3.2.
    Differs: see `cosine_classifier`; each stage of the features is scaled to unit length on its own.

    Attributes:
        blocks: What the classifier sees.
        scale: Of the cosines.
        num_steps: Steps of Adam, each over all rows.
        lr: Step size.
    """

    summary: ClassVar[str] = "Cosine classifier on frozen features, by gradient (Baseline++)"

    blocks: Blocks = "stages"
    scale: Annotated[float, Field(gt=0, le=1000), Searched(1, 100)] = 10.0
    num_steps: Annotated[int, Field(ge=0, le=10_000), Searched(0, 200)] = 50
    lr: Annotated[float, Field(gt=0, le=1), Searched(1e-4, 1e-1)] = 1e-3

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None
    ) -> tuple[LinearHead, float]:
        """The head and its temperature, fitted to features.

        Args:
            features: Of the training rows.
            labels: int64 [sample].
            num_classes: Of the task; classes without rows get a score below all others.
            groups: int64 [sample]; rows of one group are left out together. None leaves out each alone.

        Returns:
            The head, and the temperature of scores by heads that lack the rows.
        """
        representation = Representation.fitted(features, self.blocks)
        rows = unit_rows(representation.matrix(features))

        def held_scores(fold: Fold) -> Floats:
            return linear_scores(rows[fold.held], *self._directions(rows[fold.fit], labels[fold.fit], num_classes))

        folds = inner_folds(labels, groups, 0)
        temperature = 1.0
        if folds:
            scores, held = out_of_fold(held_scores, folds)
            temperature = fit_temperature(scores, labels[held])
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

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; `training` and `workspace` are not used."""
        rows = task.train
        head, temperature = self.head_of(features_of(rows, backbone), rows.labels, task.num_classes, rows.groups)
        return Model(backbone, head, temperature, task.classes)
