"""The whole chain for several labels or numbers: rank, decide, fit, evaluate."""

from __future__ import annotations

from pathlib import Path

from headstart.backbones.pretrained import Pretrained
from headstart.core.errors import PlanError
from headstart.core.parsing import json_document
from headstart.core.progress import note, stage
from headstart.core.records import Record, write_atomically
from headstart.core.stopping import Stopper, interruptible, stoppable
from headstart.evaluation.out_of_fold import SPLIT as OUT_OF_FOLD
from headstart.features.prediction_engine import settle_prediction_engine
from headstart.multioutput.cross_validation import ValidatedOutputs
from headstart.multioutput.deciding import decide_outputs
from headstart.multioutput.evaluating import evaluated, out_of_fold_predictions, predictions_of
from headstart.multioutput.fitting import fitted_outputs
from headstart.multioutput.model import OutputModel
from headstart.multioutput.records import OutputDecision
from headstart.multioutput.run import FILES, OutputRun
from headstart.multioutput.task import OutputTask
from headstart.multioutput.trials import OutputTrials
from headstart.planning.budget import budget_of
from headstart.planning.ranking.rank import rank
from headstart.planning.ranking.ranking import Ranking
from headstart.runs.run import MODEL, TEST_PREDICTIONS, Findings
from headstart.runs.run_folder import holds_outputs
from headstart.runs.workspace import RESULT, Workspace

CHOSEN_ON_THEM = "The model was chosen among several by these same images: the numbers may be optimistic."


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
    if holds_outputs(workspace.folder) and workspace.path(RESULT).exists():
        return OutputRun.load(workspace.folder)
    with workspace.noted(), interruptible(stopper := Stopper()):
        workspace.write_environment()
        _write(workspace, task.summary(), Findings(findings=task.findings))
        with stoppable(stopper):
            ranking = _ranked(task, cards, request, workspace)
            steps, budget = workspace.sharing_steps, budget_of(minutes)
            decision, chosen = decide_outputs(
                task, ranking, steps, budget_seconds=budget, only=request.only, weights=request.weights
            )
        _write(workspace, decision)
        return _finished(task, workspace, decision, chosen)


def _ranked(task: OutputTask, cards: list[Pretrained], request: OutputRequest, workspace: Workspace) -> Ranking | None:
    """The networks by their scores on the strata of the targets; None where none is to be transferred from."""
    if request.only == "scratch":
        return None
    with stage("ranking"):
        found = rank(task.images, cards, steps=workspace.sharing_steps, weights=request.weights)
    _write(workspace, found)
    return found


def _finished(task: OutputTask, workspace: Workspace, decision: OutputDecision, chosen: ValidatedOutputs) -> OutputRun:
    """The run with its model and its evaluation."""
    backbone = OutputTrials(task, workspace.steps, 0.0).backbone(chosen.candidate)
    with stage("fitting"):
        model = fitted_outputs(task, chosen, backbone, workspace.sharing_steps, workspace.path("steps"))
        for network in model.networks if not task.images.train.images.embedded else ():
            settle_prediction_engine(task.images.labeled, network)
        model.save(workspace.path(MODEL))
    with stage("evaluating"):
        _evaluate(task, workspace, model, chosen)
    workspace.write_learned(task.images.labeled.content_keys)
    workspace.write_drops()
    workspace.write_peak_memory()
    run = OutputRun.load(workspace.folder)
    write_atomically(workspace.path(RESULT), json_document(run.result))
    note(decision.sentence)
    return run


def _evaluate(task: OutputTask, workspace: Workspace, model: OutputModel, chosen: ValidatedOutputs) -> None:
    test = task.images.test
    if test is not None and task.hidden_targets is not None:
        predictions, split = predictions_of(model, test, task.hidden_targets), "test"
        protocol = f"{len(test):,} sealed test images, intervals by a bootstrap over groups of images."
    else:
        predictions, split = out_of_fold_predictions(task, chosen), OUT_OF_FOLD
        protocol = (
            f"{len(predictions):,} labeled images, each predicted by a model that was fitted without it ({chosen.num_folds} "
            f"{'folds' if chosen.num_folds > 1 else 'fold'}), intervals by a bootstrap over groups of images. "
            f"{CHOSEN_ON_THEM}"
        )
    predictions.write(workspace.path(TEST_PREDICTIONS))
    _write(workspace, evaluated(model, predictions, task.summary(), split, protocol))


def _write(workspace: Workspace, *records: Record) -> None:
    for record in records:
        write_atomically(workspace.path(FILES[type(record)]), record.to_json())
