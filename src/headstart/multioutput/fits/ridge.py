"""Ridge regression, a penalty an output."""

from __future__ import annotations

from pathlib import Path
from typing import final

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.types import Floats, Integers
from headstart.heads.ridge_leave_one_out import RidgePath, loo_sample, ridge_path
from headstart.methods.heads import LinearHead
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.fits.base import OutputFit, represented
from headstart.multioutput.member import Member
from headstart.multioutput.task import OutputTask


@final
class Ridge(OutputFit):
    """Least squares on frozen features; each output has the penalty of least squared leave-one-out error, groups left out whole.

    Reference: Allen, "The relationship between variable selection and data augmentation and a method for prediction",
        Technometrics 1974 (PRESS); see `headstart.heads.ridge_leave_one_out`.
    """

    def fit(
        self, task: OutputTask, rows: Integers, candidate: OutputCandidate, backbone: Backbone, workspace: Path | None
    ) -> Member:
        images, features, representation = represented(task, rows, candidate, backbone)
        targets = task.encoded[rows]
        scored = loo_sample(len(rows), targets.shape[1], images.groups)
        path = ridge_path(representation.rows(features), targets, groups=images.groups, loo_rows=scored)
        weight, bias, _ = least_press(path, targets)
        return Member(backbone, LinearHead(representation, np.asarray(weight, np.float32), bias))


def least_press(path: RidgePath, targets: Floats) -> tuple[Floats, Floats, Floats]:
    """The solution of each output at its own penalty of least squared leave-one-out error.

    Args:
        path: Solutions along penalties.
        targets: [sample, output] of all rows that were fitted.

    Returns:
        Weight float64 [feature, output], bias float64 [output], and the leave-one-out scores float64 [scored sample, output].
    """
    best = ((path.loo_scores - targets[path.loo_rows]) ** 2).mean(axis=1).argmin(axis=0).tolist()
    solutions = {place: path.solution(place) for place in set(best)}
    weight = np.stack([solutions[place][0][:, one] for one, place in enumerate(best)], axis=1)
    bias = np.array([solutions[place][1][one] for one, place in enumerate(best)])
    scores = np.stack([path.loo_scores[place][:, one] for one, place in enumerate(best)], axis=1)
    return weight, bias, np.asarray(scores, np.float64)
