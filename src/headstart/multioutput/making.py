"""The whole chain for several labels or numbers: rank, decide, fit, evaluate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headstart.backbones.pretrained import Pretrained
from headstart.core.errors import PlanError
from headstart.core.parsing import json_document
from headstart.core.progress import note, stage
from headstart.core.records import Record, write_atomically
from headstart.core.stopping import Stopper, interruptible, stoppable
from headstart.evaluation.out_of_fold import SMALLEST_BIAS, corrected, widening_of
from headstart.evaluation.out_of_fold import SPLIT as OUT_OF_FOLD
from headstart.features.prediction_engine import settle_prediction_engine
from headstart.multioutput.deciding import Decided, decide_outputs
from headstart.multioutput.evaluating import evaluated, predictions_of
from headstart.multioutput.fitting import fitted_outputs
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.model import OutputModel, drop_broken_model
from headstart.multioutput.predictions import OutputPredictions
from headstart.multioutput.records import OutputEvaluation
from headstart.multioutput.run import FILES, OutputRun
from headstart.multioutput.selection import LOSS, Selection, measured_selection, out_of_fold_predictions
from headstart.multioutput.slicing import with_output_slices
from headstart.multioutput.task import OutputTask
from headstart.multioutput.trials import OutputTrials
from headstart.planning.budget import budget_of
from headstart.planning.ranking.rank import rank
from headstart.planning.ranking.ranking import Ranking
from headstart.runs.run import MODEL, RESULT, TEST_PREDICTIONS, Findings
from headstart.runs.run_folder import holds_outputs
from headstart.runs.workspace import REPORT, Workspace

ANOTHER_MODEL = (
    "The model that is kept is another one than those that predicted, so that the intervals are wider than those of a test."
)
CHOSEN_ON_THEM = (
    "It was chosen among {candidates} candidates on the same images: as choosing again on {draws:,} bootstrap draws and judging "
    "on the images left out shows (BBC-CV), {change}."
)


class OutputRequest(Record):
    """What the user asked for; a folder holds one request."""

    place: str
    kind: str
    numbers: str = ""
    pretrained: tuple[str, ...] = ()
    weights: str = "pretrained"
    only: str | None = None
    seed: int = 0
    test: float | None = None
    targets: str
    """Fingerprint of the task, as that of its images does not change with every target."""


def run_outputs(
    task: OutputTask, cards: list[Pretrained], request: OutputRequest, out: str | Path | None, minutes: float | None
) -> OutputRun:
    """The run of a request; one that was killed goes on, and a finished one is read.

    Raises `DataError` and `PlanError` where nothing can be learned, fitted or written into the folder.
    """
    if request.only not in (None, "transfer", "scratch"):
        raise PlanError(f'--only "{request.only}" is not a side. Choose transfer or scratch, or leave it out to try both.')
    workspace = Workspace.named(out, Path("runs") / task.name, [request.to_dict(), task.fingerprint])
    workspace.claim_request("request", request, task.images)
    workspace.drop_damaged()
    if drop_broken_model(workspace.path(MODEL)):
        workspace.reopen()
    if holds_outputs(workspace.folder) and all(workspace.path(name).exists() for name in (RESULT, REPORT)):
        return OutputRun.load(workspace.folder)
    with workspace.noted(), interruptible(stopper := Stopper()):
        workspace.write_environment()
        _write(workspace, task.summary(), Findings(findings=task.findings))
        with stoppable(stopper):
            ranking = _ranked(task, cards, request, workspace)
            steps, budget = workspace.sharing_steps, budget_of(minutes)
            decided = decide_outputs(task, ranking, steps, budget_seconds=budget, only=request.only, weights=request.weights)
        _write(workspace, decided.decision)
        return _finished(task, workspace, decided)


def _ranked(task: OutputTask, cards: list[Pretrained], request: OutputRequest, workspace: Workspace) -> Ranking | None:
    """The networks by their scores on the strata of the targets; None where none is to be transferred from."""
    if request.only == "scratch":
        return None
    with stage("ranking"):
        found = rank(task.images, cards, steps=workspace.sharing_steps, weights=request.weights)
    _write(workspace, found)
    return found


def _finished(task: OutputTask, workspace: Workspace, decided: Decided) -> OutputRun:
    """The run with its model and its evaluation."""
    chosen = decided.chosen
    with stage("measuring what the choice added"):
        selection = measured_selection(task, chosen, decided.among)
    backbone = OutputTrials(task, workspace.steps, 0.0).backbone(chosen.candidate)
    with stage("fitting"):
        model = fitted_outputs(task, chosen, backbone, workspace.sharing_steps, workspace.path("steps"), selection.widening)
        for network in model.networks if not task.images.train.images.embedded else ():
            settle_prediction_engine(task.images.labeled, network)
        model.save(workspace.path(MODEL))
    with stage("evaluating"):
        _evaluate(task, workspace, model, decided, selection)
    workspace.write_learned(task.images.labeled.content_keys)
    workspace.write_noted()
    workspace.write_peak_memory()
    run = OutputRun.load(workspace.folder)
    write_atomically(workspace.path(RESULT), json_document(run.result))
    note(decided.decision.sentence)
    return run


def _evaluate(task: OutputTask, workspace: Workspace, model: OutputModel, decided: Decided, selection: Selection) -> None:
    test = task.images.test
    if test is not None and task.hidden_targets is not None:
        predictions = predictions_of(model, test, task.hidden_targets)
        protocol = f"{len(test):,} sealed test images, intervals by a bootstrap over groups of images."
        evaluation = evaluated(model, predictions, task.summary(), "test", protocol)
    else:
        predictions = out_of_fold_predictions(task, decided.chosen, selection.widening)
        evaluation = _evaluated_out_of_fold(task, model, predictions, decided.chosen.num_folds, selection)
    images = task.images.labeled if test is None else test
    evaluation = with_output_slices(evaluation, predictions, images, model)
    predictions.write(workspace.path(TEST_PREDICTIONS))
    _write(workspace, evaluation)


def _evaluated_out_of_fold(
    task: OutputTask, model: OutputModel, predictions: OutputPredictions, num_folds: int, selection: Selection
) -> OutputEvaluation:
    """The evaluation by held-out images, every metric without what the choice among candidates added to it."""
    folds = f"{num_folds} {'folds' if num_folds > 1 else 'fold'}"
    protocol = (
        f"{len(predictions):,} labeled images, each predicted by a model that was fitted without it ({folds}), intervals by a "
        f"bootstrap over groups of images. {ANOTHER_MODEL}"
    )
    metric = metrics_for(task.kind.name())[task.kind.primary]
    bias = selection.biases.get(task.kind.primary, 0.0)
    if selection.num_candidates > 1:
        change = _change(metric.title, bias)
        said = CHOSEN_ON_THEM.format(candidates=selection.num_candidates, draws=selection.draws, change=change)
        protocol = f"{protocol} {said}"
    evaluation = evaluated(model, predictions, task.summary(), OUT_OF_FOLD, protocol)
    num_groups = len(np.unique(predictions.groups))
    metrics = {name: selection.estimate(task, name, found, num_groups) for name, found in evaluation.metrics.items()}
    gain = corrected(evaluation.gain_over_none, -selection.biases.get(LOSS, 0.0), widening_of(num_groups), least=None)
    return evaluation.model_copy(update={"metrics": metrics, "gain_over_none": gain})


def _change(title: str, bias: float) -> str:
    """What the choice did to the first metric."""
    if abs(bias) < SMALLEST_BIAS:
        return f"that changed {title} by nothing"
    return f"that made {title} {abs(bias):.3f} {'larger, which is taken off' if bias > 0 else 'smaller, which is given back'}"


def _write(workspace: Workspace, *records: Record) -> None:
    for record in records:
        write_atomically(workspace.path(FILES[type(record)]), record.to_json())
