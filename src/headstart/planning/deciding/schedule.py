"""The schedule: what is tried, in which order. Cheap before costly, and nothing that has nothing left to win."""

from __future__ import annotations

from contextlib import suppress

from headstart.core.stopping import StoppedError
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.closed_forms import (
    WITH_UNLABELED,
    baselines,
    closed_forms,
    cluster_assumption_of,
    trial_order,
)
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.trained import scratch_candidate, trained_candidates
from headstart.planning.deciding.trials import Trials
from headstart.planning.limits import MemoryLimitError
from headstart.planning.ranking.ranking import Ranking


def run_schedule(trials: Trials, ranking: Ranking, options: Options) -> None:
    """Cross-validate what is worth it, each on the shared folds, within the budget of the trials, until trying has to end."""
    try:
        _try_all(trials, ranking, options)
    except StoppedError as stopped:
        trials.left_out.stopped = stopped.reason


def _try_all(trials: Trials, ranking: Ranking, options: Options) -> None:
    trials.chance()
    embedded = trials.task.train.images.embedded
    for candidate in baselines(trials):
        trials.closed_form(candidate, must=True)
    if options.only is None and not embedded:
        with suppress(MemoryLimitError):  # its turn, later, says so
            trials.reserve(scratch_candidate(trials))
    if options.only != "scratch":
        closed_forms(trials, ranking, options)
    if embedded:
        return
    trials.race(trained_candidates(trials, ranking, options))
    if trials.stopped is None:
        trials.spend_the_rest()


def default_candidate(trials: Trials, ranking: Ranking, options: Options) -> CrossValidated:
    """What is fitted where nothing can be held out: the method asked for, else what is best with one label a class.

    That is a head that learns from unlabeled rows too, where the cluster assumption, whose test needs no held-out rows, holds,
    and ridge otherwise.
    """
    if options.only == "scratch":
        return trials.untested(scratch_candidate(trials))
    name, recipe = trial_order(trials, ranking)[0], options.recipe(trials.task.seed)
    if options.method is not None:
        return trials.untested(trials.candidate("transfer", name, options.chosen(options.method), recipe))
    blocks = "penultimate" if trials.task.train.images.embedded else "stages+pixels"
    kinds = ("ridge", WITH_UNLABELED[0])
    ridge, with_unlabeled = (trials.candidate("transfer", name, options.chosen(kind, blocks=blocks)) for kind in kinds)
    found = cluster_assumption_of(trials, with_unlabeled)
    if found is None or not found.supported:
        if trials.task.unlabeled is not None:
            trials.skip(with_unlabeled, found.reason if found else "too little time for features of the unlabeled images")
        return trials.untested(ridge)
    trials.notes.append(found.reason)
    return trials.untested(with_unlabeled)
