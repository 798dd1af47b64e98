"""The first model: what can be predicted with before candidates are compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

from headstart.backbones.catalog import card_of, usable
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.backbones.pretrained import Pretrained
from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.data.images import ImageSet
from headstart.data.sources.task_with_sources import with_source_as_train
from headstart.data.task import Task
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.accuracy import Accuracy
from headstart.features.extract import engine_name_of, features_of
from headstart.heads.ridge_leave_one_out import RidgeFit
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.methods.heads import fitted_ridge
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import rows_for
from headstart.planning.fitting import with_detector
from headstart.planning.results import FirstModel
from headstart.training.settings import Training

MOST_ROWS = 2_000
"""Labeled rows of the first model, at most. EfficientNet-Lite0 takes the features of 200 to 400 pictures a second on two cores,
so that these take five to ten seconds however many rows there are."""


def first_candidate(
    task: Task, cards: Sequence[Pretrained], weights: str = "pretrained", *, transfers: bool = True
) -> Candidate | None:
    """What is fitted first: ridge on the cheapest network, which is also what is chosen where others are no better.

    Where nothing transfers, it is ridge on raw pixels. None where fewer than two classes have labeled rows, those of the sources
    included. Where only sources have labels, it is the model of the sources, not adapted.
    """
    task = with_source_as_train(task)
    if int((task.labeled.class_counts > 0).sum()) < 2:
        return None
    if not transfers:
        card, blocks, weights = card_of("pixels"), "penultimate", "none"
    elif task.train.images.embedded:
        card, blocks = card_of("embeddings"), "penultimate"
    else:
        card, blocks = min(usable(cards, weights), key=lambda one: one.num_parameters or np.inf), "stages+pixels"
    return Candidate(
        family="transfer" if transfers else "baseline",
        pretrained=card.name,
        weights=weights,
        input_pixels=input_pixels_for(card, task),
        method=settings_of(method_from({"kind": "ridge", "blocks": blocks})),
        training=Training(seed=task.seed),
        max_rows=MOST_ROWS if len(task.labeled) > MOST_ROWS else None,
    )


def fit_first(task: Task, candidate: Candidate) -> tuple[Model, FirstModel]:
    """The model of a candidate that `first_candidate` gave, and its leave-one-out accuracy.

    The features are those that ranking and deciding read again, from the same store.

    Args:
        task: What is to be learned.
        candidate: Ridge on a network, or on feature vectors.

    Returns:
        The model, with a novelty detector unless its rows are those of a source, and what is said of it.
    """
    shown = with_source_as_train(task)
    part = shown.restricted_to(rows_for(candidate, shown, np.arange(len(shown.labeled))))
    backbone = load_backbone(candidate.pretrained, candidate.weights, candidate.input_pixels, task.seed)
    if not shown.labeled.images.embedded:
        engine_name_of(
            shown.labeled, backbone
        )  # for all rows: for few of them, slow trials and new ones are not worth their time
    rows = part.train
    blocks = candidate.method["blocks"]
    head, fit = fitted_ridge(features_of(rows, backbone), rows.labels, task.num_classes, blocks, rows.groups)
    model = Model(backbone, head, fit.temperature, task.classes)
    if shown is task:
        model = with_detector(model, part, {backbone.weights_hash})
    accuracy = _accuracy(rows, fit) if shown is task and int(rows.class_counts.max()) > 1 else None
    return model, FirstModel(**candidate.recipe, name=candidate.name, accuracy=accuracy, num_rows=len(rows))


def _accuracy(rows: ImageSet, fit: RidgeFit) -> Estimate:
    """Of the leave-one-out scores; the interval is that of an evaluation."""
    scored = rows.take(fit.loo_rows)
    names = tuple(scored.images.name(row) for row in range(len(scored)))
    raw = softmax(fit.loo_scores, axis=1)
    return Accuracy().estimate(
        LabeledPredictions(Predictions(names, rows.classes, scored.labels, fit.loo_probs, raw, scored.groups))
    )
