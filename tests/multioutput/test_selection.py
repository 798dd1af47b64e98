"""The choice among candidates is taken off their out-of-fold numbers, and widens intervals."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.core.estimate import Estimate
from headstart.data.images import Embeddings
from headstart.data.raw_dataset import RawDataset
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.cross_validation import HeldOutScores, ValidatedOutputs
from headstart.multioutput.intervals import CrossConformal
from headstart.multioutput.model import OutputModel
from headstart.multioutput.reading import outputs_of
from headstart.multioutput.selection import Selection, measured_selection
from headstart.multioutput.task import OutputTask


def task_of(kind: str, num_images: int = 40) -> OutputTask:
    draw = np.random.default_rng(5)
    cells = [repr(one) for one in draw.normal(size=num_images).tolist()]
    if kind == "several_labels":
        cells = [f"{'a;' * bool(row % 2)}{'b;' * bool(row % 3)}" or ";" for row in range(num_images)]
    features = draw.normal(size=(num_images, 2)).astype(np.float32)
    return outputs_of(RawDataset("drawn", Embeddings(features, "d", np.arange(num_images)), tuple(cells), outputs=kind), "")


def candidates(task: OutputTask, errors: list[float]) -> list[ValidatedOutputs]:
    """What candidates with errors of these standard deviations said about all images."""
    draw, folds = np.random.default_rng(11), task.images.folds
    rows = np.concatenate([fold.held_out for fold in folds])
    numbers = np.repeat(np.arange(len(folds)), [len(fold.held_out) for fold in folds])
    found = []
    for place, size in enumerate(errors):
        values = task.targets[rows] + size * draw.normal(size=(len(rows), len(task.outputs)))
        values = np.clip(values, 0.02, 0.98) if task.kind.noun == "labels" else values
        one = OutputCandidate(family="transfer", fit="ridge", pretrained=str(place))
        thresholds = np.full_like(values, 0.5 if task.kind.noun == "labels" else np.nan)
        found.append(ValidatedOutputs(one, HeldOutScores(rows, numbers, values), values, thresholds))
    return found


def best(task: OutputTask, found: list[ValidatedOutputs]) -> ValidatedOutputs:
    return min(found, key=lambda one: float(one.losses(task).mean()))


@pytest.mark.parametrize(("kind", "metric"), [("numbers", "r2"), ("several_labels", "mean_average_precision")])
def test_the_best_of_equal_candidates_looks_better_than_it_is(kind, metric):
    task = task_of(kind)
    found = candidates(task, [1.0] * 20)
    selection = measured_selection(task, best(task, found), found)
    assert (selection.num_candidates, selection.draws) == (20, 200)
    assert selection.biases["loss"] < 0 < selection.biases[metric]
    assert (selection.widening > 1.03) == (kind == "numbers")


def test_a_clear_choice_adds_nothing():
    task = task_of("numbers")
    found = candidates(task, [0.1, 2.0, 3.0])
    selection = measured_selection(task, best(task, found), found)
    assert selection.widening == 1
    assert selection.biases["r2"] == 0


def test_one_candidate_is_no_choice_and_others_need_its_rows():
    task = task_of("numbers")
    one, other = candidates(task, [1.0, 1.0])
    fewer = ValidatedOutputs(other.candidate, other.held_out.take(np.arange(9)), other.values[:9], other.thresholds[:9])
    assert measured_selection(task, one, [one, fewer]) == Selection()


def test_intervals_of_the_best_of_many_hold_what_they_say_once_widened():
    from benchmarks.chosen_intervals import coverages

    before, after = np.mean([coverages(40, 20, 0.0, seed) for seed in range(25)], axis=0)
    assert before < 0.86  # 0.825 in the limit of many draws
    assert 0.88 < after < 0.94


def test_widened_residuals_widen_intervals_and_are_told():
    residuals, folds = np.arange(1.0, 41.0)[:, None], np.arange(40) % 5
    plain, wide = CrossConformal(residuals, folds), CrossConformal(residuals, folds, 1.25)
    predicted = np.full((5, 1, 1), 3.0)
    low, high = plain.interval(predicted, 0.9)
    wide_low, wide_high = wide.interval(predicted, 0.9)
    np.testing.assert_allclose(wide_high - wide_low, 1.25 * (high - low))
    assert wide.guarantee(0.9) == (
        f"{plain.guarantee(0.9)} As the model was chosen by the same images, they are 25.0% wider than its own errors say."
    )


def test_metrics_are_moved_and_widened_within_what_they_can_be():
    task = task_of("numbers")
    selection = Selection(2, 200, {"r2": 0.2, "mean_absolute_error": -0.1}, 1.1)
    moved = selection.estimate(task, "r2", Estimate(value=0.1, low=0.0, high=0.2), 40)
    assert moved.value == pytest.approx(-0.1)  # R2 may be below zero
    assert moved.high - moved.low > 0.2
    worse = selection.estimate(task, "mean_absolute_error", Estimate(value=1.5, low=1.0, high=2.0), 40)
    assert worse.value == pytest.approx(1.6)  # and an error above one


def test_a_run_tells_what_its_choice_added(vectors, tmp_path):
    run = headstart.run(vectors["several_labels"], out=tmp_path / "run")
    assert (
        "It was chosen among 2 candidates on the same images: as choosing again on 200 bootstrap draws" in run.evaluation.protocol
    )
    assert run.evaluation.protocol.endswith(", which is taken off.")
    assert "that made mAP 0." in run.evaluation.protocol


def test_a_model_keeps_its_widening_and_one_of_an_earlier_version_has_none(vectors, tmp_path):
    from dataclasses import replace

    from headstart.core.arrays import read_arrays, write_arrays
    from headstart.core.parsing import json_in, json_text

    model = headstart.run(vectors["numbers"], out=tmp_path / "run").model
    replace(model, residuals=replace(model.residuals, widening=1.5)).save(tmp_path / "model")
    assert OutputModel.load(tmp_path / "model").residuals.widening == 1.5
    path = tmp_path / "model" / "outputs.safetensors"
    arrays = read_arrays(path)
    arrays.pop("widening")
    write_arrays(path, arrays)
    card = json_in(path.with_name("outputs.json"))
    del card["checksums"]
    path.with_name("outputs.json").write_text(json_text(card), encoding="utf-8")
    assert OutputModel.load(tmp_path / "model").residuals.widening == 1.0
