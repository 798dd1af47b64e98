"""Ended early: a candidate whose training the time of the run ended, as far as it came."""

from __future__ import annotations

import shutil

from headstart.backbones.backbone import Backbone
from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError
from headstart.data.task import Task
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import fold_inputs
from headstart.training.checkpoint import FILE

LEAST_SHARE = 0.25
"""Share of its steps from which on a training that was ended is judged: as far as `EPOCHS_DIVISOR` of `trained` shortens one.
Chosen, not measured; of Fashion-MNIST from scratch see `python -m benchmarks.from_scratch`."""


def ended_early(task: Task, candidate: Candidate, backbone: Backbone, steps: Steps, stopped: StoppedError) -> Candidate | None:
    """The candidate whose training is to stop where time ended that of the first fold, so that the steps done count.

    The checkpoint is handed over: nothing is trained again, and with more minutes the whole candidate goes on from its own.
    None where it had come less far than `LEAST_SHARE`, where it was the user who ended it, and where training in several parts
    keeps its checkpoints elsewhere.
    """
    if stopped.reason != "over" or not stopped.steps or stopped.steps_done < LEAST_SHARE * stopped.steps:
        return None
    training = candidate.training.model_copy(update={"stop_after": stopped.steps_done})
    shorter = candidate.model_copy(update={"training": training})
    before, after = (steps.folder / steps.stem("fold", fold_inputs(task, one, backbone, 0)) for one in (candidate, shorter))
    if not (before / FILE).exists():
        return None
    after.mkdir(parents=True, exist_ok=True)
    for path in before.iterdir():
        if path.is_file():
            shutil.copy2(path, after)
    return shorter
