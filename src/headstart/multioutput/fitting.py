"""The final model of the chosen candidate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.steps import Steps
from headstart.multioutput.cross_validation import ValidatedOutputs, fold_member
from headstart.multioutput.fits import FITS
from headstart.multioutput.intervals import CrossConformal
from headstart.multioutput.model import OutputModel
from headstart.multioutput.task import OutputTask


def fitted_outputs(
    task: OutputTask, chosen: ValidatedOutputs, backbone: Backbone, steps: Steps, workspace: Path, widening: float = 1.0
) -> OutputModel:
    """The model: a closed form on all labeled images; of what is trained the mean of the models of the folds.

    Held-out scores calibrate it. Numbers keep the models of the folds, which give prediction intervals, wider by that factor.
    """
    fit = FITS.get(chosen.candidate.fit)()
    wants_folds = fit.trains or task.kind.noun == "numbers"
    folds = [
        fold_member(task, chosen.candidate, backbone, index, steps) for index in range(chosen.num_folds if wants_folds else 0)
    ]
    whole = [] if fit.trains else [fit.fit(task, np.arange(len(task.targets)), chosen.candidate, backbone, workspace)]
    held_out, targets = chosen.held_out, task.targets[chosen.held_out.rows]
    link = task.kind.linked(held_out.scores, targets, task.scaling)
    values = task.kind.values(held_out.scores, link)
    has_intervals = task.kind.noun == "numbers"
    return OutputModel(
        kind=task.kind,
        outputs=task.outputs,
        averaged=tuple(whole or folds),
        link=link,
        thresholds=task.kind.thresholds(values, targets),
        fold_members=tuple(folds) if has_intervals else (),
        residuals=CrossConformal(np.abs(values - targets), held_out.folds, widening) if has_intervals else None,
    )
