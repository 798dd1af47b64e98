"""AdaBN: batch normalization by each domain's statistics, ridge on the source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of, seconds_an_image
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.heads import ridge_head
from headstart.methods.model import Model
from headstart.training.batch_statistics import PRIOR_ROWS, with_statistics_of
from headstart.training.settings import Training

MOST_ROWS = 256
"""Pictures of a domain that its statistics are taken of, each at many places; all of its pictures count in the blend."""


@final
class AdaBN(Method):
    """Normalizes each domain inside the network by means and variances of its own pictures; ridge is fitted to the source.

    Each domain passes a copy of the network whose batch statistics are blended: n of its pictures against the given statistics,
    as n against 128.

    Needs: a labeled source, pictures of the target without labels, better some hundreds, and a network with batch
        normalization.
    Helps: where contrast, brightness, noise or blur differ.
    Hurts: where class shares differ, and with few pictures.

    Reference: Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", ICLR 2017 Workshops, eq. 2; the blend
        is that of Schneider et al., NeurIPS 2020, eq. 1.

    Attributes:
        blocks: What the head sees.
        prior_rows: How many pictures the statistics that are there count for.
    """

    needs: ClassVar[tuple[Need, ...]] = ("source", "pictures", "batch_norm")
    tried_by_run: ClassVar[bool] = True
    trial_order: ClassVar[int] = 2

    blocks: Blocks = "stages+pixels"
    prior_rows: Annotated[int, Field(ge=0, le=100_000)] = PRIOR_ROWS

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; source and unlabeled rows are read as well, and of `training` the seed alone is used."""
        check_needs(self, task, backbone)
        source, target = task.source or task.train, task.pool
        for side, images in (("source", source), ("target", target)):
            if len(images) < 2:
                raise DataError(f"{task.name} has {len(images)} {side} images, and ada_bn needs two. Give more of them.")
        adapted = self._normalized_by(target, backbone, training.seed)
        rows = concatenate(source, task.train) if len(task.train) else source
        seen = features_of(source, self._normalized_by(source, backbone, training.seed))
        if len(task.train):
            seen = _stacked(seen, features_of(task.train, adapted))
        head, temperature = ridge_head(seen, rows.labels, task.num_classes, self.blocks, rows.groups)
        return Model(adapted, head, temperature, task.classes)

    def predicted_seconds(self, task: Task, backbone: Backbone, training: Training) -> float:
        """See `Method.predicted_seconds`: looking at all pictures again, which no cache spares, and twice at some."""
        num = len(task.pool) + len(task.source or ())
        return (num + 2 * min(num, MOST_ROWS)) * seconds_an_image(backbone)

    def _normalized_by(self, images: ImageSet, backbone: Backbone, seed: int) -> Backbone:
        few = random_rows(len(images), MOST_ROWS, generator_for(seed, "ada_bn"))
        return with_statistics_of(backbone, images.take(few), round(self.prior_rows * len(few) / len(images)), seed)


def _stacked(first: FeatureSet, second: FeatureSet) -> FeatureSet:
    """The rows of both; the network's own scores are left out."""

    def both(one: object, other: object) -> np.ndarray:
        return np.concatenate([np.asarray(one), np.asarray(other)])

    stages = tuple(map(both, first.stages, second.stages))
    pixels = None if first.pixels is None or second.pixels is None else both(first.pixels, second.pixels)
    return FeatureSet(stages, pixels, None, first.stage_names, tuple(map(both, first.stds, second.stds)))
