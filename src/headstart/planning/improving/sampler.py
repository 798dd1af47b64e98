"""The sampler: which settings to try next, given the results of earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.core.errors import MissingExtraError
from headstart.core.ranges import Interval, Range
from headstart.planning.improving.study import SearchTrial, Settings

RANDOM_TRIALS = 6
"""Random trials before the sampler learns from them. Optuna's default is 10, half of the usual 20 trials. Chosen, not
measured."""
NUM_SEEDS = 2**32


def check_optuna() -> None:
    """Refuse to search without Optuna, with a `MissingExtraError`."""
    _optuna()


def suggest(space: dict[str, Range], trials: Sequence[SearchTrial], seed: int) -> Settings:
    """Settings that promise a low log loss, a value for every name of the space.

    Trials that broke down or were too costly are left out. The same arguments give the same settings.

    Reference: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, section 4 (tree-structured Parzen
        estimator); Falkner et al., "BOHB", ICML 2018, section 3 (all settings in one density).
    """
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(found) for name, found in space.items()}
    sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, multivariate=True, seed=seed % NUM_SEEDS)
    study = optuna.create_study(sampler=sampler)
    for trial in trials:
        if trial.outcome in ("finished", "pruned"):
            finished = trial.outcome == "finished"
            study.add_trial(
                optuna.trial.create_trial(
                    state=optuna.trial.TrialState.COMPLETE if finished else optuna.trial.TrialState.PRUNED,
                    value=trial.log_losses[-1] if finished else None,
                    params=trial.settings,
                    distributions=distributions,
                    intermediate_values=dict(enumerate(trial.log_losses)),
                )
            )
    return dict(study.ask(distributions).params)


def _distribution(found: Range) -> Any:
    optuna = _optuna()
    if not isinstance(found, Interval):
        return optuna.distributions.CategoricalDistribution(found.values)
    if found.whole:
        return optuna.distributions.IntDistribution(int(found.low), int(found.high), log=found.log)
    return optuna.distributions.FloatDistribution(found.low, found.high, log=found.log)


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError('optuna is not installed. Install it with `pip install "headstart[search]"`.') from None
    return optuna
