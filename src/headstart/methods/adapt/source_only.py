"""SourceOnly: ridge on the source's rows and the labeled target rows, without adaptation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, final

from headstart.backbones.backbone import Backbone
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Blocks
from headstart.methods._feature_adaptation import adapted_head
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.heads import ridge_head
from headstart.methods.model import Model
from headstart.shift.hypotheses import Change
from headstart.shift.projected_domains import projected_domains
from headstart.training.settings import Training

MOST_AXES = 1024
"""Of feature vectors; narrower ones are kept whole."""


@final
class SourceOnly(Method):
    """Fits ridge regression to the source's rows, and to the target's labeled rows where there are any.

    It is the baseline of every adaptation, and the choice where none can be trusted. For feature vectors, as in adaptations,
    boundaries are nonlinear where leave-one-out prefers that.

    Needs: a labeled source.
    Helps: where source and target hardly differ, and wherever adaptation would go wrong.
    Hurts: where the target looks different.

    Attributes:
        blocks: What the head sees.
    """

    assumes: ClassVar[Change] = "nothing"
    needs: ClassVar[tuple[Need, ...]] = ("source",)
    tried_by_run: ClassVar[bool] = True

    blocks: Blocks = "stages+pixels"

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; source rows are read as well, unlabeled rows are not; of `training` the seed alone is used."""
        check_needs(self, task, backbone)
        rows = concatenate(task.source, task.train) if task.source and len(task.train) else task.source or task.train
        if rows.images.embedded:
            domains = projected_domains(replace(task, unlabeled=None), backbone, self.blocks, MOST_AXES, training.seed)
            return Model(backbone, *adapted_head(domains), task.classes)
        head, temperature = ridge_head(features_of(rows, backbone), rows.labels, task.num_classes, self.blocks, rows.groups)
        return Model(backbone, head, temperature, task.classes)
