"""Test-time adaptation: a finished model adapted to the pictures to predict, without their labels and without its training rows.

It is done on request alone: on small, mixed or skewed batches it does harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from headstart.core.errors import DataError, PlanError, did_you_mean
from headstart.core.types import TestTime
from headstart.data.augmentation.views import View
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.losses.entropy import mean_entropy
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.training.batch_statistics import norms_of, with_statistics_of
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.loop import train
from headstart.training.settings import Training

KINDS: Sequence[TestTime] = ("batch_norm", "tent")
FEWEST = 64
"""Pictures to a step of tent; in smaller batches statistics and gradients are noise."""
LR = 1e-3
"""With Adam, as in the paper on small pictures."""


def adapted_at_test_time(model: Model, images: ImageSet, kind: TestTime, passes: int = 1, seed: int = 0) -> Model:
    """The model with normalizations that fit these pictures. The given one stays as it was: to reset, go on with that one.

    "batch_norm" takes means and variances of the pictures, blended with those of training. "tent" also moves the scales and
    shifts of the normalizations, and nothing else, to lower the entropy of the predictions. Both want pictures of
    all classes, about as often as in training; what is predicted of one picture then depends on the others.

    Args:
        model: What predicts; "tent" needs a linear head on the network's own last features, as trained networks have.
        images: The pictures; labels are not read.
        kind: What is done.
        passes: Over the pictures, for "tent".
        seed: Of the order of the pictures.

    Returns:
        A new model, of the same classes and temperature; partners are as they were.

    Raises:
        DataError: There are too few pictures, or they are feature vectors.
        PlanError: The kind is unknown, or the model has no batch normalization, or not the head that "tent" needs.

    Reference: Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", NeurIPS 2020;
        Wang et al., "Tent: Fully Test-Time Adaptation by Entropy Minimization", ICLR 2021.
    Differs: the model that comes out predicts with statistics of all the pictures in place of each batch's own.
    """
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise PlanError(f'"{kind}" is nothing that is done at test time.{near} Known: {", ".join(KINDS)}.')
    if kind == "batch_norm":
        return replace(model, backbone=with_statistics_of(model.backbone.network, images, seed=seed), novelty_detector=None)
    learner = _classifier(model, images)
    unlabeled = images.without_labels()
    training = Training(
        epochs=passes, batch_size=FEWEST, lr=LR, weight_decay=0, schedule="constant", warmup=0, clip=0, ema=0, seed=seed
    )
    train(learner, {"pictures": Stream(unlabeled, View())}, partial(_losses, model.temperature), training)
    learner.thaw()
    return replace(model, backbone=with_statistics_of(learner.backbone, images, 0, seed), novelty_detector=None)


def _classifier(model: Model, images: ImageSet) -> Classifier:
    """The model as it can be trained: its scales and shifts alone, under statistics of batches."""
    head = model.head
    if not isinstance(head, LinearHead) or head.representation is not None or model.base is not None:
        raise PlanError(
            "tent trains through a linear head on the network's last features, and this model has another one. Choose batch_norm."
        )
    if images.images.embedded or len(images) < FEWEST:
        what = "feature vectors were given" if images.images.embedded else f"{len(images)} were given"
        raise DataError(f"tent takes steps on {FEWEST} pictures, and {what}. Give more at once, or choose batch_norm.")
    learner = Classifier(model.backbone.network.copy(), len(model.classes))
    weights = [weight for norm in norms_of(learner.backbone) for weight in norm.parameters()]
    learner.freeze_all_but(weights)
    with torch.no_grad():
        learner.head.weight.copy_(torch.as_tensor(head.weight).T)
        learner.head.bias.copy_(torch.as_tensor(head.bias))
    learner.head.requires_grad_(False)
    return learner


def _losses(temperature: float, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    return {"entropy": mean_entropy(learner(batch["pictures"].images) / temperature)}
