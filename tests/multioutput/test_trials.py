from __future__ import annotations

import numpy as np

from headstart.core.steps import Steps
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.cross_validation import HeldOutScores, ValidatedOutputs
from headstart.multioutput.reading import read_outputs
from headstart.multioutput.trials import OutputTrials


def validated(task, name: str, error: np.ndarray, rows: np.ndarray) -> ValidatedOutputs:
    candidate = OutputCandidate(family="transfer", fit="ridge", pretrained=name)
    values = task.targets[rows] + error[rows, None]
    held_out = HeldOutScores(rows, np.zeros(len(rows), np.int64), values)
    return ValidatedOutputs(candidate, held_out, values, np.full_like(values, np.nan))


def test_whole_candidates_are_compared_on_all_images_and_partial_ones_on_shared_ones(vectors, tmp_path):
    task = read_outputs(vectors["numbers"])
    every, first = np.arange(97), np.arange(20)
    good = np.where(every < 20, 1.0, 0.1)  # worse than the other on the first fold alone
    trials = OutputTrials(task, Steps(tmp_path), 1.0)
    trials.validated = [validated(task, "good", good, every), validated(task, "lucky", np.full(97, 0.9), every)]
    trials.validated.append(validated(task, "partial", np.full(97, 1.1), first))
    assert trials.best().candidate.pretrained == "good"
    trials.validated.append(validated(task, "better", np.full(97, 0.5), first))
    assert trials.best().candidate.pretrained == "better"
