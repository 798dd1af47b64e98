"""AdaptedSelfTraining: the network trained on what models adapted in closed form predict for the target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.core.types import Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.methods import METHODS, method_from
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.model import Model
from headstart.training.settings import Training


@final
class AdaptedSelfTraining(Method):
    """Trains on source pictures and on the target pictures that adapted models are surest of, with their predictions as labels.

    Adaptation on frozen features is mostly right where the source model is not, so that training begins from better labels than
    its own first predictions.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: where adaptation in closed form is right on most of the target, and the network has not seen such pictures before.
    Hurts: where it is not: wrong labels are learned.

    Reference: Lee, "Pseudo-Label", ICML 2013 Workshops; Zou et al., "Unsupervised Domain Adaptation for Semantic Segmentation via
        Class-Balanced Self-Training", ECCV 2018, section 3 (the surest rows of every class).
    Differs: models adapted in closed form label, once; the trainer adapts to the target's pictures in the same steps.

    Attributes:
        labelers: Methods in closed form that predict together. A run sets those that model selection has accepted.
        share: Of the target rows that are predicted to be of a class, how many are learned, the surest first.
        trainer: The method that trains.
    """

    cost: ClassVar[Literal["closed form", "gradient"]] = "gradient"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")
    tried_by_run: ClassVar[bool] = True
    builds_on_candidates: ClassVar[bool] = True
    trial_order: ClassVar[int] = 3

    labelers: Annotated[tuple[str, ...], Field(min_length=1)] = ("jdot",)
    share: Annotated[float, Field(gt=0, le=1)] = 0.7
    trainer: str = "mcc"

    def built_on(self, chosen: tuple[str, ...]) -> Method | None:
        """With the methods in closed form that were chosen as labelers; None where none of them maps features, as it assumes."""
        kinds = {kind: METHODS.get(kind) for kind in chosen}
        able = tuple(kind for kind, one in kinds.items() if one.cost == "closed form" and one.assumes == self.assumes)
        return self.model_copy(update={"labelers": able}) if able else None

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; the source and unlabeled rows are read as well."""
        trainer, labelers = self._trainer(), self._labelers()
        check_needs(self, task, backbone)
        assert task.unlabeled is not None
        models = [one.fit(task, backbone, training) for one in labelers]
        probs = np.asarray(np.mean([model.predict(task.unlabeled).probs for model in models], axis=0))
        return trainer.fit(_labeled(task, self._surest(probs), probs.argmax(axis=1)), backbone, training, workspace)

    def predicted_seconds(self, task: Task, backbone: Backbone, training: Training) -> float:
        """See `Method.predicted_seconds`; labeling is not counted, as features are not."""
        trainer = self._trainer()
        check_needs(self, task, backbone)
        assert task.unlabeled is not None
        rows = np.arange(int(np.ceil(self.share * len(task.unlabeled))))
        return trainer.predicted_seconds(_labeled(task, rows, np.zeros(len(task.unlabeled), np.int64)), backbone, training)

    def _surest(self, probs: Floats) -> Integers:
        """The surest rows of every predicted class, ascending."""
        labels, sure = probs.argmax(axis=1), probs.max(axis=1)
        found = []
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            found.append(rows[np.argsort(-sure[rows], kind="stable")][: int(np.ceil(self.share * len(rows)))])
        return np.sort(np.concatenate(found))

    def _trainer(self) -> Method:
        trainer = method_from({"kind": self.trainer}, "method.trainer")
        if trainer.cost != "gradient" or trainer.kind() == self.kind() or not trainer.reads_source():
            raise PlanError(f'method.trainer: "{self.trainer}" does not train on a source. Choose jan, mcc or dan.')
        return trainer

    def _labelers(self) -> list[Method]:
        found = [method_from({"kind": kind}, "method.labelers") for kind in self.labelers]
        for one in found:
            if one.cost == "gradient" or not one.reads_source():
                raise PlanError(f'method.labelers: "{one.kind()}" does not adapt in closed form. Choose jdot or pseudo_target.')
        return found


def _labeled(task: Task, rows: Integers, labels: Integers) -> Task:
    """The task with those of its unlabeled rows, which stay unlabeled ones too, as labeled ones behind its own."""
    assert task.unlabeled is not None
    some: ImageSet = task.unlabeled.take(rows).labeled_as(np.asarray(labels, np.int64)[rows])
    return replace(task, train=concatenate(task.train, some) if len(task.train) else some)
