"""Probes: what heads on frozen features of the labeled rows share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Annotated, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.types import Floats, Integers
from headstart.data.augmentation.views import view_of
from headstart.data.augmented import each_with_views, views_of
from headstart.data.corrupted import variously_corrupted
from headstart.data.corruptions.base import Family
from headstart.data.folds import Fold
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks
from headstart.heads.out_of_fold import out_of_fold
from headstart.heads.temperature import fit_temperature
from headstart.methods.base import Method
from headstart.methods.heads import Head
from headstart.methods.model import Model
from headstart.training.settings import Training


class Probe(Method):
    """A head fitted to frozen features of the labeled rows.

    Attributes:
        blocks: What the head sees; stages with pixels by default, which beat the penultimate layer by 2 to 8 points on small
            sets (Evci et al., "Head2Toe", ICML 2022, argue for all depths).
    """

    blocks: Blocks = "stages+pixels"

    @abstractmethod
    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[Head, float]:
        """The head and its temperature, fitted to features.

        Args:
            features: Of the training rows.
            labels: int64 [sample].
            num_classes: Of the task; classes without rows get a score below all others.
            groups: int64 [sample]; rows of one group are left out together. None leaves out each alone.
            seed: Decides who is left out together with whom.

        Returns:
            The head, and the temperature of its scores of rows that were left out.
        """

    @final
    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; of `training` the seed alone is used."""
        views = self.views_of(task.train, task.native_pixels)
        rows = each_with_views(task.train, views)
        features = features_of(rows, backbone)
        head, temperature = self.head_of(features, rows.labels, task.num_classes, rows.groups, training.seed)
        return Model(backbone, head, temperature, task.classes)


class AugmentedProbe(Probe):
    """A head fitted to frozen features of the labeled pictures and of random views of them.

    A prediction sees the picture alone, so that views cost nothing there. A view is left out together with its picture.

    Attributes:
        views: Random views of each picture, 0 for none. Feature vectors have none.
        flip: Whether half of the views are mirrored; off, as mirroring changes the class of digits and text.
        corrupted: Families of corruptions of which each picture has one more view: made worse by one of the family, drawn with
            its strength. None gives no such view.
    """

    views: Annotated[int, Field(ge=0, le=16)] = 0
    flip: bool = False
    corrupted: tuple[Family, ...] | None = None

    @property
    def num_views(self) -> int:
        """See `Method.num_views`."""
        return self.views + len(self.corrupted or ())

    def robust(self, families: tuple[Family, ...]) -> AugmentedProbe:
        """See `Method.robust`: it is fitted to corrupted views, too."""
        return self.model_copy(update={"corrupted": families})

    @final
    def views_of(self, rows: ImageSet, native_pixels: int) -> ImageSet | None:
        """See `Method.views_of`."""
        if rows.images.embedded or not self.num_views or not len(rows):
            return None
        seen = [views_of(rows, view_of("weak", native_pixels, self.flip), self.views)] if self.views else []
        return reduce(concatenate, [*seen, *(variously_corrupted(rows, family) for family in self.corrupted or ())])


def held_out_temperature(held_out_scores: Callable[[Fold], Floats], folds: tuple[Fold, ...], labels: Integers) -> float:
    """The temperature of each fold's scores by a fit without it, which `held_out_scores` gives; 1 where there is no fold."""
    if not folds:
        return 1.0
    scores, held_out = out_of_fold(held_out_scores, folds)
    return fit_temperature(scores, labels[held_out])
