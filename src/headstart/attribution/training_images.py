"""Training images that speak for an answer, by the head's own kernel: representer points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from scipy.special import softmax

from headstart.core.records import Record
from headstart.core.rows import unit_rows
from headstart.core.types import Floats, Integers
from headstart.data.images import Images, ImageSet
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.class_statistics import one_hot
from headstart.methods.heads import SolvedHead
from headstart.methods.model import Model

LEAST_AGREEMENT = 0.9
"""Correlation, of the scores that representer values give with the head's own, from which on the values are shown. Of heads that
minimize one of the two losses on all compared images it is 1. Chosen, not measured."""


class TrainingImage(Record):
    """A training image that an answer is compared with.

    Attributes:
        name: Of the image.
        label: Its class.
        similarity: Cosine of its row with that of the picture, of rows centered on training images, as the head sees them.
        contribution: What it adds to the score of the class, as a share of what all compared images add or take, from -1 to 1;
            None for a head that is no sum over training images.
    """

    name: str
    label: str
    similarity: float
    contribution: float | None = None


@dataclass(frozen=True)
class TrainingRows:
    """Labeled images as the head of a model sees them.

    Attributes:
        images: The images.
        model: Whose head it is: of an ensemble the member that counts most.
        representation: What the head sees where it is not linear in rows of its own; None where it is.
        center: The mean row, float [input].
        rows: Rows less the mean, float32 [image, input].
        dual: Representer values, float64 [image, class]; None where the head is no sum over training images.
    """

    images: ImageSet = field(repr=False)
    model: Model = field(repr=False)
    representation: Representation | None = field(repr=False)
    center: Floats = field(repr=False)
    rows: Floats = field(repr=False)
    dual: Floats | None = field(repr=False)

    def nearest(
        self, images: Images, labels: Integers, num: int, without: Sequence[str] = ()
    ) -> list[tuple[Integers, list[TrainingImage]]]:
        """For each image the rows of `num` training images that speak for its class `labels`, int64 [image], and what they add.

        Of those that are similar to it, with a positive kernel, the ones that add most to the score: those of other classes that
        are its opposite are left out. Where the head is no sum over training images, the most similar ones. `without` may have a
        content key for each image: training images of that content are not named for it.

        Reference: Yeh, Kim, Yen & Ravikumar, "Representer point selection for explaining deep neural networks", NeurIPS 2018,
            eq. 2 and theorem 3.1: a score is the sum over training images of -(loss gradient) / (2 penalty n) times the kernel.
        Differs: shares are given, so that the penalty drops out; rows are centered, as the bias is not penalized.
        """
        if not len(images) or not len(self.images):
            return [(np.empty(0, np.int64), [])] * len(images)
        shown = ImageSet(images, self.model.classes, np.full(len(images), -1, np.int64), np.arange(len(images)))
        asked = _inputs(self.model, self.representation, features_of(shown, self.model.backbone)) - self.center
        cosines = unit_rows(asked) @ unit_rows(self.rows).T
        kernel = np.asarray(asked @ self.rows.T, np.float64)
        if len(without):
            own = np.array(without)[:, None] == np.array(self.images.content_keys)
            cosines = np.where(own, -np.inf, cosines)
        return [self._of(cosines[row], kernel[row], int(label), num) for row, label in enumerate(labels)]

    def _of(self, cosines: Floats, kernel: Floats, label: int, num: int) -> tuple[Integers, list[TrainingImage]]:
        shares, ranked = None, cosines
        if self.dual is not None:
            added = self.dual[:, label] * kernel
            shares = added / max(float(np.abs(added).sum()), 1e-300)
            ranked = np.where((kernel > 0) & np.isfinite(cosines), shares, -np.inf)
        rows = np.argsort(-ranked, kind="stable")[:num]
        rows = rows[np.isfinite(ranked[rows])]
        return rows, [
            TrainingImage(
                name=self.images.images.name(int(row)),
                label=self.images.classes[int(self.images.labels[row])],
                similarity=float(cosines[row]),
                contribution=None if shares is None else float(shares[row]),
            )
            for row in rows
        ]


def training_rows(model: Model, images: ImageSet) -> TrainingRows:
    """Labeled images that a model has learned from, ready to be compared with others; all of their rows fit into memory.

    Representer values are the negative gradients of the loss that a head minimizes: of squared error on +-1 targets, as ridge and
    kernel ridge do, or of cross-entropy, as logistic regression and fine-tuning do. The loss is the one whose values give the
    head's scores again; where neither does, there are none.
    """
    member = compared_member(model)
    features = features_of(images, member.backbone)
    representation = None if isinstance(member.head, SolvedHead) else Representation.fitted(features, "stages")
    inputs = _inputs(member, representation, features)
    center = inputs.mean(axis=0)
    rows = np.asarray(inputs - center, np.float32)
    dual = None if representation else _representer_values(rows, images, member.head.scores(features))
    return TrainingRows(images, member, representation, center, rows, dual)


def compared_member(model: Model) -> Model:
    """The member of an ensemble whose training images are named: the one that counts most."""
    members = (model, *model.partners)
    return members[int(np.argmax(model.shares))] if model.shares else model


def _inputs(model: Model, representation: Representation | None, features: FeatureSet) -> Floats:
    """The rows that are compared, float32 [image, input]."""
    if representation is not None:
        return unit_rows(representation.matrix(features))
    head = cast(SolvedHead, model.head)
    return np.asarray(head.inputs(features)[:], np.float32)


def _representer_values(rows: Floats, images: ImageSet, scores: Floats) -> Floats | None:
    targets = one_hot(images.labels, images.num_classes)
    losses = (2.0 * targets - 1.0 - scores, targets - softmax(scores, axis=1))
    agreements = [_correlation(rows @ (rows.T @ values), scores) for values in losses]
    best = int(np.argmax(agreements))
    return losses[best] if agreements[best] >= LEAST_AGREEMENT else None


def _correlation(first: Floats, second: Floats) -> float:
    """Of two tables [image, class], each column less its mean."""
    one, other = (np.asarray(side - side.mean(axis=0), np.float64) for side in (first, second))
    lengths = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / lengths if lengths > 0 else 0.0
