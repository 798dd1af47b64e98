"""Predict: labels and probabilities for new images."""

from __future__ import annotations

from headstart.core.arguments import checked
from headstart.core.errors import PlanError
from headstart.core.prediction_rows import PredictionRows
from headstart.core.types import TestTime
from headstart.data.given_images import AnyImages
from headstart.evaluation.conformal import DEFAULT_SCORE
from headstart.runs.calibrated import asked_of, calibration_in, leaves_label_errors_out
from headstart.runs.predicting import predict_images
from headstart.runs.run import Run
from headstart.runs.run_folder import holds_outputs
from headstart.workflows.arguments import AnyRun, folder_given


@checked
def predict(
    run: AnyRun,
    images: AnyImages,
    refuse: float | None = None,
    adapt: TestTime | None = None,
    *,
    sets: float | None = None,
    set_score: str = DEFAULT_SCORE,
    sets_by_class: bool = False,
    at_accuracy: float | None = None,
    interval: float | None = None,
) -> PredictionRows:
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

    With `sets` = 0.9 each row has a `"set"`: classes, the most probable first, that hold the true one for nine in ten images like
    the labeled ones; see `headstart.evaluation.conformal.set_rule` for what holds. `set_score` is the conformity score: "lac"
    gives the smallest sets, some of which may be empty; those of "aps" and "raps" never are. `sets_by_class` asks for that share
    of the images of each class. With `at_accuracy` = 0.95 images get a label only from a probability on from which labels are
    right at least that often, approximately with 95 % confidence, for images like the labeled ones; others have the label None
    and a `best_guess`.

    A run of several labels gives rows `{"path", "labels", "probs"}`: labels whose probability reaches the one that has the
    largest F1 out of fold. A run of numbers gives `{"path", "value", "interval": {"level", "low", "high"}}`: `interval` = 0.9 is
    the share of images like the labeled ones whose number lies inside, see `headstart.multioutput.intervals` for what holds. What
    is said of classes above does not apply to these.
    """
    if holds_outputs(folder_given(run)):
        from headstart.workflows.outputs import predict_with_outputs  # noqa: PLC0415  a prediction of classes needs none of it

        classes_alone = {
            "refuse": refuse,
            "adapt": adapt,
            "sets": sets,
            "sets_by_class": sets_by_class,
            "set_score": set_score != DEFAULT_SCORE,
            "at_accuracy": at_accuracy,
        }
        return predict_with_outputs(run, images, interval, classes_alone)
    if interval is not None:
        raise PlanError("interval is for a run that predicts numbers, and this one predicts classes. Ask for sets instead.")
    loaded = Run.load(run, first=True)
    model, origin = loaded.model, str(loaded.folder)
    calibrated = sets is not None or at_accuracy is not None
    asked = asked_of(
        calibration_in(loaded.folder) if calibrated else None, model.classes, origin,
        left_out=calibrated and leaves_label_errors_out(loaded), refuse=refuse, adapt=adapt, sets=sets,
        set_score=set_score, sets_by_class=sets_by_class, at_accuracy=at_accuracy,
    )  # fmt: skip
    return predict_images(model, images, asked, origin)
