"""Slices of an evaluation of outputs, by the search that evaluations of classes have."""

from __future__ import annotations

import numpy as np

from headstart.core.predictions import Predictions
from headstart.data.images import ImageSet
from headstart.evaluation.slice_report import with_slices
from headstart.multioutput.model import OutputModel
from headstart.multioutput.predictions import OutputPredictions
from headstart.multioutput.records import OutputEvaluation


def with_output_slices(
    evaluation: OutputEvaluation, predictions: OutputPredictions, images: ImageSet, model: OutputModel
) -> OutputEvaluation:
    """The evaluation with the slices of its images: where more of them are not right than chance explains.

    What counts as right is the kind's to say, and so are the parts of the images that take the place of classes: images are
    compared with others of their part, so that no slice is found because it holds hard targets.

    Args:
        evaluation: Of the predictions.
        predictions: One row an image.
        images: The images of the predictions, among others perhaps, by name.
        model: Whose predictions they are.

    Returns:
        The same evaluation, with slices where there are enough images.
    """
    kind = model.kind
    right, meaning = kind.right(predictions.values, predictions.targets, predictions.thresholds)
    strata, names = kind.named_strata(predictions.targets, model.outputs)
    places = {images.images.name(row): row for row in range(len(images))}
    rows = [places.get(name) for name in predictions.names]
    said = np.eye(len(names) + 1)[np.where(right, strata, len(names))]
    sliced = Predictions(
        names=predictions.names,
        classes=(*names, ""),
        labels=strata,
        probs=said,
        raw_probs=said,
        groups=predictions.groups,
        domains=tuple("" if row is None else images.domains[row] for row in rows) if images.domains else (),
        given_groups=tuple("" if row is None else images.given_groups[row] for row in rows) if images.given_groups else (),
    )
    found = with_slices(evaluation, sliced, [images], model.networks[0])
    return found.model_copy(update={"right": meaning}) if found.slices else found
