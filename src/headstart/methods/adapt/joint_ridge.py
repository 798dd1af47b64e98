"""Joint ridge: ridge on labeled target rows and on source rows at weights of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Blocks, Representation
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.shift.joint_ridge import Labeled, leave_target_out
from headstart.training.settings import Training

Weight = Annotated[float, Field(gt=0, le=100)]


@final
class JointRidge(Method):
    """Fits ridge regression to the target's labeled rows and to the rows of sources, each source at a weight of its own.

    The penalty and the temperature are those that predict left-out target rows best, so that a source counts as far as it helps
    on the target.

    Needs: labeled target rows and a labeled source.
    Helps: with few target labels, and a source that looks alike.
    Hurts: where the source's classes look different; leave it out then, as `headstart run` does.

    Reference: Wu & Dietterich, "Improving SVM Accuracy by Training on Auxiliary Data Sources", ICML 2004, section 2 (one loss on
        both, the auxiliary rows weighted); Daume III, "Frustratingly Easy Domain Adaptation", ACL 2007, section 3.1 (the
        baseline "weighted").
    Differs: ridge regression, whose leave-one-out scores of target rows choose penalty and temperature.

    Attributes:
        source_weights: What a row of each source weighs, by the source's name, a target row weighing 1; 1 where it is not named.
            Rows that name no domain are all of "source".
        blocks: What the head sees.
    """

    needs: ClassVar[tuple[Need, ...]] = ("source", "target_labels")
    tried_by_run: ClassVar[bool] = True

    source_weights: dict[str, Weight] = {}
    blocks: Blocks = "stages+pixels"

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; source rows are read as well; `training` and `workspace` are not used."""
        check_needs(self, task, backbone)
        source, target = task.source or task.train, task.train
        names = np.array(source.domains or ("source",) * len(source))
        known = sorted(set(names.tolist()))
        unknown = sorted(set(self.source_weights) - set(known))
        if unknown:
            raise DataError(f"source_weights names {unknown[0]}, and the sources are {', '.join(known)}. Name one of them.")
        features = features_of(concatenate(target, source), backbone)
        representation = Representation.fitted(features, self.blocks)
        rows = np.asarray(representation.rows(features))
        labeled_sources = [
            (_labeled(rows[len(target) :][names == name], source.take(names == name)), self.source_weights.get(name, 1.0))
            for name in known
        ]
        found = leave_target_out(_labeled(rows[: len(target)], target), labeled_sources, task.num_classes)
        head = LinearHead(representation, np.asarray(found.weight, np.float32), found.bias)
        return Model(backbone, head, found.temperature, task.classes)


def _labeled(rows: np.ndarray, images: ImageSet) -> Labeled:
    return Labeled(rows, images.labels, images.groups)
