"""EnsembleDistillation: ridge on one network, taught by what an ensemble predicts for unlabeled rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field
from scipy.special import softmax

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import Channels, load_backbone
from headstart.core.errors import PlanError
from headstart.core.predictions import log_probs
from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Blocks, Representation
from headstart.heads.class_statistics import one_hot
from headstart.heads.taught_ridge import fit_taught_ridge
from headstart.methods import METHODS, method_from
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.training.settings import Training

Positive = Annotated[float, Field(gt=0)]

MOST_TAUGHT = 2_000
"""Unlabeled rows that teach; a random choice of more, as time grows with the cube of the rows. Chosen, not measured."""


class Teacher(Record):
    """A closed form on a network.

    Attributes:
        pretrained: Name of the card.
        weights: "pretrained", "none" or a file of weights.
        input_pixels: Side of the input square.
        method: `kind` and hyper-parameters.
        share: Exponent of its probabilities in the geometric mean of all teachers.
        mean: Per-channel mean, on pixels in [0, 1], in place of the card's; None keeps the card's.
        std: Per-channel standard deviation in place of the card's; None keeps the card's.
    """

    pretrained: str
    weights: str = "pretrained"
    input_pixels: int
    method: dict[str, Any]
    share: Positive = 1.0
    mean: Channels | None = None
    std: tuple[Positive, Positive, Positive] | None = None


@final
class EnsembleDistillation(Method):
    """Fits ridge to the labels and to the probabilities that several models together give to unlabeled pictures.

    The models are fitted to the same labels first and are not kept: using the student costs what one network costs.

    Needs: labeled rows, and unlabeled pictures of the same kind. On labeled rows alone an ensemble teaches nothing: its
        out-of-fold probabilities in place of the labels cost a ridge head 6 points, and mixed with them half a point or none.
    Helps: to predict as well as an ensemble of closed forms, or better, with one network: over six cells (digits, MNIST,
        Fashion-MNIST, emoji and solar cells, 5 to 50 labels a class, 600 to 1,000 unlabeled pictures) the student was 1.7 points
        better than ridge on labels alone, the ensemble 1.1, a student of its own network's ridge 1.2 (`benchmarks.distilling`).
    Hurts: where unlabeled pictures are of another kind. On solar cells, whose classes look alike, it gains nothing.

    Reference: Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", NeurIPS 2014 Workshop; Chen et al., "Big
        Self-Supervised Models are Strong Semi-Supervised Learners", NeurIPS 2020, section 2, eqs. 2-3 (unlabeled rows teach).
    Differs: a ridge head in closed form takes the place of the student network; labeled rows keep their labels; penalty and
        temperature follow from how a fit without a taught row predicts what the teachers say of it.

    Attributes:
        teachers: What teaches; none lets ridge on the student's own network teach.
        blocks: What the student sees.
    """

    needs: ClassVar[tuple[Need, ...]] = ("unlabeled",)

    teachers: tuple[Teacher, ...] = ()
    blocks: Blocks = "stages+pixels"

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; unlabeled rows are read as well, and of `training` the seed alone is used."""
        check_needs(self, task, backbone)
        assert task.unlabeled is not None
        chosen = random_rows(len(task.unlabeled), MOST_TAUGHT, generator_for(training.seed, "taught"))
        unlabeled, num_labeled = task.unlabeled.take(chosen), len(task.train)
        probs = self._taught(task, unlabeled, backbone, training)
        features = features_of(concatenate(task.train, unlabeled), backbone)
        representation = Representation.fitted(features, self.blocks)
        targets = np.concatenate([one_hot(task.train.labels, task.num_classes), probs])
        taught = np.arange(num_labeled, len(targets))
        fit = fit_taught_ridge(representation.rows(features), targets, taught)
        head = LinearHead(representation, np.asarray(fit.weight, np.float32), fit.bias)
        return Model(backbone, head, fit.temperature, task.classes)

    def _taught(self, task: Task, unlabeled: ImageSet, backbone: Backbone, training: Training) -> Floats:
        """What the teachers predict together for unlabeled rows, float64 [sample, class]."""
        if not self.teachers:
            own = method_from({"kind": "ridge", "blocks": self.blocks}).fit(task, backbone, training)
            return own.predict(unlabeled).probs
        logs = np.zeros((len(unlabeled), task.num_classes))
        for teacher in self.teachers:
            model = _closed_form(teacher).fit(task, _network(teacher, training.seed), training)
            logs = logs + teacher.share * log_probs(model.predict(unlabeled))
        return np.asarray(softmax(logs, axis=1))


def _closed_form(teacher: Teacher) -> Method:
    kind = teacher.method.get("kind")
    if METHODS.get(str(kind)).cost == "gradient":
        raise PlanError(f"method.teachers: {kind} is trained by gradient, and teachers are closed forms. Choose ridge.")
    return method_from(teacher.method, "method.teachers")


def _network(teacher: Teacher, seed: int) -> Backbone:
    return load_backbone(teacher.pretrained, teacher.weights, teacher.input_pixels, seed, teacher.mean, teacher.std)
