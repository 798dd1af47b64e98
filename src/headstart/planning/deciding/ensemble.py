"""Ensemble: a few candidates that predict together, chosen and weighted by what they predicted out of fold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from headstart.backbones.catalog import card_of
from headstart.core.errors import PlanError
from headstart.core.predictions import Predictions, log_probs
from headstart.core.types import Floats, Integers
from headstart.heads.opinion_pool import Prior, fit_weights
from headstart.methods import METHODS
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated, combined
from headstart.planning.deciding.verdict import VERDICT_ERRORS, Side, advantage, compared
from headstart.planning.plan import is_gradient
from headstart.planning.results import EnsembleGain

MOST_MEMBERS = 8
"""Members of an ensemble unless the user says otherwise. Heads with and without views on three networks are six, which share the
passes through the networks: against 5 members 8 gain 0.3 points on average (7 draws of digits, MNIST, Fashion-MNIST, emoji and
solar cells), and 3 lose 0.3."""
SMALLEST_SHARE = 0.03
"""A member whose exponent is smaller changes next to nothing, and is left out. Where so many are expected to count alike that
this is more than half of what is expected of each, that half is the bound. Chosen, not measured."""
SMALLEST_TRAINED_SHARE = 0.1
"""The same of what is trained by gradient, of which a model of every fold predicts: LP-FT with an exponent of 0.04 took nine
times the operations of an ensemble for 100 solar cells and changed nothing. Chosen, not measured."""
DEFAULT_HEAD = ("ridge", "stages+pixels")
"""Kind and blocks of the head whose mean over all networks the weights' prior expects: on every set that was measured it was
better than the best single network, before any label had a say in it (`benchmarks.opinion_pools`)."""
PRIOR_PRECISION, PRECISION_OF_FEW = 60.0, 6_000.0
"""One over the variance of the prior of a closed form's weight is the first plus the second over the number of rows, so that ten
rows move nothing and five hundred move weights by 0.1. Over 21 cells (digits, MNIST, Fashion-MNIST, emoji, solar cells, 5 to 100
labels a class) the ensemble is 1.0 points better than the first network's default head; with 60 alone it is 1.7 points worse
than it on ten rows of solar cells (`benchmarks.opinion_pools`)."""
TRAINED_STD = 0.4
"""Standard deviation of the prior of the weight of what is trained by gradient, which may be right where no head on frozen
features is. Chosen, not measured."""


class Choice(NamedTuple):
    """Members of an ensemble.

    Attributes:
        places: Of the members among the candidates of a pool, the weightiest first.
        shares: Exponent of each.
    """

    places: tuple[int, ...]
    shares: tuple[float, ...]


class Pool(NamedTuple):
    """Candidates that predicted the same rows out of fold.

    Attributes:
        candidates: In the order tried.
        logs: Log probabilities, float64 [candidate, sample, class].
        labels: int64 [sample].
        prior: Weights of the candidates that are expected before their predictions are seen.
    """

    candidates: tuple[CrossValidated, ...]
    logs: Floats
    labels: Integers
    prior: Prior

    @classmethod
    def of(
        cls, validated: Sequence[CrossValidated], families: tuple[str, ...] = ("transfer", "scratch", "baseline")
    ) -> Pool | None:
        """The candidates of those families that predicted every row that any of them did; None where there are none.

        A candidate that was stopped after some folds cannot be weighed against others on the rows that it lacks; see
        `best_ensemble`.
        """
        fitted = [one for one in validated if one.predictions is not None and one.result.family in families and not one.members]
        if not fitted:
            return None
        most = max(one.result.num_rows for one in fitted)
        whole = tuple(one for one in fitted if one.result.num_rows == most)
        names = _predictions(whole[0]).names
        logs = np.stack([_in_order(one, names) for one in whole])
        labels = _predictions(whole[0]).labels
        return cls(whole, logs, labels, _prior(whole, len(labels)))

    def losses(self) -> Floats:
        """Log loss of each row by each candidate, float64 [candidate, sample]."""
        return np.asarray(-self.logs[:, np.arange(len(self.labels)), self.labels])

    def chosen(self, most: int, row_weights: Floats | None = None) -> Choice:
        """The members, at most so many, and their exponents.

        Args:
            most: Members at most.
            row_weights: How often each row counts, float [sample], for the bootstrap; None counts all once.

        Returns:
            The choice; the best candidate alone, by log loss, where the weights leave fewer than two.
        """
        counts = np.ones(len(self.labels)) if row_weights is None else row_weights
        alone = Choice((int((self.losses() @ counts).argmin()),), (1.0,))
        if most == 1 or len(self.candidates) == 1:
            return alone
        weights = self._weights(np.arange(len(self.candidates)), row_weights)
        smallest = min(SMALLEST_SHARE, self.prior.mean.max() / 2)
        least = [smallest if one.temperature is None else SMALLEST_TRAINED_SHARE for one in self.candidates]
        places = np.argsort(-weights, kind="stable")
        places = places[(weights >= least)[places]][:most]
        if len(places) < 2:
            return alone
        return Choice(tuple(places.tolist()), tuple(self._weights(places, row_weights).tolist()))

    def _weights(self, places: Integers, row_weights: Floats | None) -> Floats:
        """The weights of those candidates in their common mean, float64 [candidate]."""
        mean = self.prior.mean[places]  # of some alone it sums to 1 again: few rows would leave them unsure of everything
        mean = mean / mean.sum() if mean.any() else np.full(len(places), 1 / len(places))
        prior = Prior(mean, self.prior.std[places])
        return np.array(fit_weights(self.logs[places], self.labels, prior, row_weights), np.float64)

    def probs(self, choice: Choice) -> Floats:
        """What those members predict together, float64 [sample, class]."""
        return np.asarray(softmax(np.tensordot(choice.shares, self.logs[list(choice.places)], 1), axis=1))


def ensemble_of(pool: Pool | None, most: int) -> CrossValidated | None:
    """The ensemble of a pool's candidates; None where the weights leave fewer than two.

    Members that are trained by gradient come first, as the plan's settings of training are those of the first; then those on all
    rows, as a partner without a number of rows has that of the plan; then the default heads, which later images can be added to.
    """
    if pool is None:
        return None
    places, shares = pool.chosen(most)
    if len(places) < 2:
        return None
    paired = sorted(zip(places, shares, strict=True), key=lambda pair: _precedence(pool.candidates[pair[0]]))
    return combined([pool.candidates[place] for place, _ in paired], tuple(share for _, share in paired))


def best_ensemble(
    validated: Sequence[CrossValidated], most: int, families: tuple[str, ...] = ("transfer", "scratch", "baseline")
) -> CrossValidated | None:
    """The best ensemble of candidates of those families, with at most so many members; None where one alone is as good.

    Candidates trained by gradient may have predicted the rows of the first folds alone. An ensemble with such members is made,
    and judged, on these rows, and has to be better there than what more rows speak for by as much as a verdict asks for: the
    number that is then given is one of fewer rows.
    """
    pool = Pool.of(validated, families)
    best = ensemble_of(pool, most)
    if pool is None:
        return None
    standing = best or pool.candidates[pool.chosen(1).places[0]]
    most_rows = pool.candidates[0].result.num_rows
    fitted = [one for one in validated if one.predictions is not None and one.result.family in families and not one.members]
    partly = [one for one in fitted if one.result.num_rows < most_rows]
    for one in sorted(partly, key=lambda one: -one.result.num_rows):
        names = _predictions(one).names
        shared = [found for other in validated if not other.members and (found := other.on_rows(names)) is not None]
        found = ensemble_of(Pool.of(shared, families), most)
        if found is not None and advantage(_side(found), _side(standing)) > VERDICT_ERRORS:
            best = standing = found
    return best


def ensemble_gain(
    chosen: CrossValidated, validated: Sequence[CrossValidated], seed: int, instead: CrossValidated | None = None
) -> EnsembleGain | None:
    """What the chosen ensemble gains over the candidate that would be taken alone, on the same rows.

    That is `instead` where it predicted these rows, else the one with the lowest log loss. None where one alone was chosen.
    """
    if not chosen.members:
        return None
    names = _predictions(chosen).names
    singles = [found for one in validated if not one.members and (found := one.on_rows(names)) is not None]
    own = None if instead is None else instead.on_rows(names)
    alone = own or min(singles, key=lambda one: float(_predictions(one).log_losses.mean()))
    members, cost = chosen.candidate.members, cost_of(alone.candidate)
    trained = [member for member in members if is_gradient(member.method)]
    frozen = [_initial(member) for member in trained if _keeps_initial(member)]
    # Of a trained member the models of all folds predict; they share the network that they keep.
    times = [(member, chosen.result.num_folds if member in trained else 1) for member in members] + [(one, 1) for one in frozen]
    return EnsembleGain(
        members=tuple(member.own_name for member in members),
        shares=chosen.shares,
        comparison=compared(_side(chosen), _side(alone), seed),
        relative_cost=sum({_passes(one): count * _pass_cost(one) for one, count in times}.values()) / cost if cost else None,
        megabytes=sum({_weights(one): count * 4e-6 * _num_parameters(one) for one, count in times}.values()),
        fold_models=chosen.result.num_folds if trained else 0,
    )


def cost_of(candidate: Candidate) -> float:
    """What using it costs, up to a factor: weights times places; measured times would differ between runs."""
    return _pass_cost(candidate) * (2 if _keeps_initial(candidate) else 1)


def _pass_cost(candidate: Candidate) -> float:
    """What one pass of an image through its network costs, in the unit of `cost_of`."""
    return _num_parameters(candidate) * candidate.input_pixels**2


def _keeps_initial(candidate: Candidate) -> bool:
    return METHODS.get(candidate.method["kind"]).keeps_initial_network


def _initial(candidate: Candidate) -> Candidate:
    """A head on the network that it starts from, in place of what is trained."""
    return candidate.model_copy(update={"method": {"kind": "ridge"}})


def _num_parameters(candidate: Candidate) -> int:
    return card_of(candidate.pretrained).num_parameters or 0


def _weights(candidate: Candidate) -> tuple[str, str]:
    """What tells networks apart: those that were trained are networks of their own."""
    trained = json.dumps(candidate.essentials, sort_keys=True) if is_gradient(candidate.method) else candidate.weights
    return candidate.pretrained, trained


def _passes(candidate: Candidate) -> tuple[str, str, int]:
    """What tells passes of an image through networks apart: heads on the same features share one."""
    return *_weights(candidate), candidate.input_pixels


def _precedence(one: CrossValidated) -> tuple[bool, bool, bool]:
    return one.temperature is None, one.candidate.max_rows is not None, _head(one) != DEFAULT_HEAD


def _prior(candidates: Sequence[CrossValidated], num_rows: int) -> Prior:
    """Equal weights of the default head on all networks; where it was not fitted, of all candidates.

    No label has a say in it. With all weight on the candidate that is best on the rows that weights are fitted to, the side
    without transfer has a log loss on rows left out that is higher by 0.0004 to 0.12 on six sets, and lower on none
    (`python -m benchmarks.prior_weights`).
    """
    expected = np.array([one.result.family == "transfer" and _head(one) == DEFAULT_HEAD for one in candidates], np.float64)
    if not expected.any():
        expected[:] = 1.0
    closed_std = (PRIOR_PRECISION + PRECISION_OF_FEW / max(num_rows, 1)) ** -0.5
    stds = [closed_std if one.temperature is None else TRAINED_STD for one in candidates]
    return Prior(expected / expected.sum(), np.array(stds))


def _head(one: CrossValidated) -> tuple[str, str]:
    method = one.candidate.method
    return str(method["kind"]), str(method.get("blocks", ""))


def _in_order(one: CrossValidated, names: tuple[str, ...]) -> Floats:
    predictions = _predictions(one)
    if predictions.names == names:
        return log_probs(predictions)
    where = {name: row for row, name in enumerate(predictions.names)}
    return log_probs(predictions.take(np.array([where[name] for name in names])))


def _side(one: CrossValidated) -> Side:
    return Side(one.result.name, _predictions(one))


def _predictions(one: CrossValidated) -> Predictions:
    if one.predictions is None:
        raise PlanError(f"{one.result.name} was not fitted.")
    return one.predictions
