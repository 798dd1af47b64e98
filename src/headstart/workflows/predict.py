"""Predict: labels and probabilities for new images."""

from __future__ import annotations

from headstart.core.arguments import checked
from headstart.core.prediction_rows import PredictionRows
from headstart.core.types import TestTime
from headstart.data.given_images import AnyImages
from headstart.runs.predicting import predict_images
from headstart.runs.run import Run
from headstart.workflows.arguments import AnyRun


@checked
def predict(run: AnyRun, images: AnyImages, refuse: float | None = None, adapt: TestTime | None = None) -> PredictionRows:
    """One row an image: its path with label, probability and all probabilities, or with the error that kept it from being read.

    Images are files, folders that are walked for images, Pillow images, arrays or tensors: one, or a list of such. Arrays are
    [height, width] or [height, width, channel], or [sample, height, width, channel] for many; tensors have the channel before
    height and width. Whole numbers go from 0 to 255, real ones from 0 to 1. For a run that was fitted on embeddings, they are
    arrays [sample, feature], or files of embeddings.

    A row is `{"path", "label", "probability", "probs", "unknown": {"p_value", "flag"}}` or `{"path", "error"}`; the "path" of the
    fourth image in memory is "images[3]". In a notebook the rows show themselves with their pictures.

    `label` is the most probable class of every image. The conformal p-value tests whether the image is like those learned from;
    `flag` is true where it is below 0.05, as for a twentieth of the images of known classes. No image depends on those that come
    with it. A model without a novelty detector cannot tell: `unknown` is None.

    With `refuse` the label is None where the p-value is below it, and `best_guess` names the most probable class of every image;
    `refuse` is then the share of images of known classes that may be left without a label.

    An unfinished run predicts with its first model, where it has one already.

    `adapt` adapts the model to these very images first: "batch_norm" or "tent"; see `methods.test_time`. On few, mixed or skewed
    images it does harm. The run itself stays as it is, and so do the p-values.
    """
    loaded = Run.load(run, first=True)
    return predict_images(loaded.model, images, refuse, adapt, str(loaded.folder))
