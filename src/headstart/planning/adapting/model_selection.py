"""Model selection: which candidates predict the target, without target labels.

Every candidate assumes one kind of change from source to target (`Method.assumes`). Candidates of one assumption that agree
predict together, and together with the assumption they explain the target: source rows that are changed as assumed, and target
rows with the predicted classes, should have one joint distribution. What chance does not explain of the difference is their joint
discrepancy. The choice is one rule:

1. The explanation of the least joint discrepancy is taken; that nothing changed, with the unadapted model, is one of them.
2. A map of the features fits easily, also where something else changed. Where it suffices, neighbors among target rows have to
   get one class significantly more often than by the unadapted model. Where other frequencies of the source's rows suffice as
   well, the map or they have to fit clearly better. Else what changed is ambiguous, and the unadapted model predicts.
3. Where no explanation suffices, the best one is taken only if the deciding validators together score its ensemble higher than
   the unadapted model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, softmax

from headstart.core.errors import HeadstartError
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats
from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import VALIDATORS, deciding_validators
from headstart.evaluation.validators.neighborhood import neighbor_agreement
from headstart.methods import METHODS
from headstart.planning.adapting import consensus
from headstart.planning.adapting.adaptation import UNADAPTED, ValidatorScores
from headstart.planning.adapting.candidate_fitting import FittedCandidate
from headstart.planning.adapting.consensus import agreeing_with, consensus_of
from headstart.planning.adapting.domain_pair import MOST_ROWS, DomainPair
from headstart.planning.adapting.shift_kind import LEVEL_OF_FIT, ShiftKind
from headstart.shift.hypotheses import HYPOTHESES, Change, Domains, Hypothesis
from headstart.shift.tests.joint_discrepancy import joint_p_value

DRAWS_OF_TEST = 3
"""Draws of random features of the test whether an explanation suffices."""
FEATURES_BELOW = 1.2
OTHERS_ABOVE = 1.6
"""Where a map of the features and other frequencies of source rows both suffice, the map is taken if the square of its ratio over
the ratio of the others is at most the former, the others if it is at least the latter; between them the target is ambiguous. The
square was chosen as it separated generated drifts and label shifts best: of 30 drifts 3 lay between and none above, of 30 shifts
of class shares 4 lay between and 2 below, where 3 times what chance leaves sufficed. Halved or doubled together, they cost label
shift or drift up to 11 points."""
LEVEL_OF_GAIN = 0.01
"""Level of the test that neighbors agree more, as if rows were independent. Without it, 3 of 42 generated targets in 16
dimensions are harmed, and the mean gain is 0.7 points in place of 3.1; halved or doubled, nothing changes there
(`python -m benchmarks.adapting_sensitivity --groups clouds`)."""
FREQUENCIES: tuple[Change, ...] = ("class shares", "source weights")
"""Assumptions under which source rows stay where they are."""


class Explanation(NamedTuple):
    """Candidates that predict together, and what they assume.

    Attributes:
        change: The assumption.
        members: Names of the candidates, the one that agrees best first.
        ratio: The joint discrepancy that is left, as a multiple of what chance leaves.
        suffices: Whether chance leaves as much, by a test.
    """

    change: Change
    members: tuple[str, ...]
    ratio: float
    suffices: bool


class SelectionVerdict(NamedTuple):
    """Which candidates predict, and why.

    Attributes:
        chosen: Names; none where the unadapted model predicts alone.
        candidates: Every candidate with its validator scores.
        reasons: In sentences.
        shift: What changed, with the ratio of every explanation.
        fits: Whether some explanation suffices or is accepted by validators, or nothing could be compared.
    """

    chosen: tuple[str, ...]
    candidates: tuple[ValidatorScores, ...]
    reasons: tuple[str, ...]
    shift: ShiftKind
    fits: bool


class _Choice(NamedTuple):
    chosen: tuple[str, ...]
    reasons: tuple[str, ...]
    shift: ShiftKind
    fits: bool


@dataclass(frozen=True)
class ModelSelection:
    """Chooses among candidates of one domain pair.

    Attributes:
        pair: What they are compared on.
        candidates: All of them; the unadapted model first, and fitted.
    """

    pair: DomainPair
    candidates: tuple[FittedCandidate, ...] = field(repr=False)
    _hypotheses: dict[tuple[Change, tuple[str, ...]], Hypothesis] = field(repr=False, default_factory=dict)

    def verdict(self) -> SelectionVerdict:
        """The choice, with the scores and the rejection of every candidate."""
        choice = self._choice
        candidates = tuple(self._scores_of(one, self._rejection(one, choice.chosen)) for one in self.candidates)
        return SelectionVerdict(choice.chosen, candidates, (choice.shift.sentence, *choice.reasons), choice.shift, choice.fits)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the candidates that predict; none where the unadapted model does."""
        return self._choice.chosen

    @cached_property
    def _choice(self) -> _Choice:
        """The decision, as at the top of this module."""
        shift = self.pair.shift
        if shift.conclusion:
            return _Choice((), (shift.conclusion,), shift, fits=True)
        ranked = sorted(self.explanations, key=lambda one: (not one.suffices, one.ratio))
        ratios = {one.change: one.ratio for one in ranked if np.isfinite(one.ratio)}
        sufficient = tuple(one.change for one in ranked if one.suffices)
        shift = shift.model_copy(update={"ratios": ratios, "sufficient": sufficient})
        if len(ranked) == 1:
            return _Choice((), (self._why_alone(),), shift, fits=True)
        best = _settled(ranked, self._neighbors_agree_more)
        shift = shift.model_copy(update={"kind": best.change if best else "ambiguous"})
        if best is None:
            return _Choice(
                (), ("No explanation is clearly the right one, so that the unadapted model is kept.",), shift, fits=True
            )
        if best.change == "nothing":
            return _Choice((), ("No candidate explains the target better than the unadapted model.",), shift, best.suffices)
        chosen, reason = self._sufficient(best) if best.suffices else self._accepted(best)
        return _Choice(chosen, (reason,), shift, fits=bool(chosen))

    def _neighbors_agree_more(self, members: tuple[str, ...]) -> bool:
        """Whether target neighbors get one class significantly more often from candidates than from the unadapted model."""
        ours, before = (
            neighbor_agreement(inputs.target_features, inputs.predicted)
            for inputs in (self.inputs_of("nothing", names) for names in (members, (UNADAPTED,)))
        )
        gain = ours - before
        error = float(gain.std()) / math.sqrt(len(gain))
        return bool(gain.mean() > 0 and ndtr(-float(gain.mean()) / max(error, 1e-12)) <= LEVEL_OF_GAIN)

    def _sufficient(self, best: Explanation) -> tuple[tuple[str, ...], str]:
        """The candidates of an explanation that suffices, and the reason."""
        together = mean_probs(self.candidates, best.members).argmax(axis=1)
        agreement = float((together == self.probs[UNADAPTED].argmax(axis=1)).mean())
        return best.members, (
            f"Under this explanation {_predict(best.members)}; the unadapted model agrees on {agreement:.0%} of the target."
        )

    def _accepted(self, best: Explanation) -> tuple[tuple[str, ...], str]:
        """The candidates of an explanation that does not suffice if validators accept them, and the reason."""
        named, broken = ", ".join(best.members), self._broken((*best.members, UNADAPTED))
        if broken:
            return (), f"No explanation suffices, and {broken}, so that validators cannot compare it."
        after, before = self._validated(best), self._validated(self.explanations[0])
        verb = "accept" if after > before else "reject"
        summed = " and ".join(deciding_validators())
        reason = (
            f"No explanation suffices, and validators {verb} the best one, by {named}: {summed} sum to {after:.2f}, those of the "
            f"unadapted model to {before:.2f}."
        )
        return (best.members if after > before else ()), reason

    @cached_property
    def explanations(self) -> tuple[Explanation, ...]:
        """One for every assumption that a usable candidate makes, that nothing changed first."""
        found = [self._explanation("nothing", (UNADAPTED,))]
        for change in HYPOTHESES:
            members = self.agreeing.get(change, ())[: consensus.MOST_MEMBERS]
            if members and members != (UNADAPTED,):
                found.append(self._explanation(change, (*members, *agreeing_with(members, self._built_on(change), self.probs))))
        return tuple(found)

    def _built_on(self, change: Change) -> list[str]:
        """Candidates of an assumption that build on others: they are no evidence for those, and join them where they agree."""
        usable = [METHODS.get(name) for name in self.probs if name not in self.faults]
        return [one.kind() for one in usable if one.builds_on_candidates and one.assumes == change]

    @cached_property
    def agreeing(self) -> dict[str, tuple[str, ...]]:
        """By assumption, the candidates that agree, the best first.

        The unadapted model is one of those that map features, where two of these are to agree.
        """
        by_change: dict[str, dict[str, Floats]] = {}
        independent = [METHODS.get(name) for name in self.probs if name not in self.faults]
        alone = sum(one.assumes == "features" and not one.builds_on_candidates for one in independent) < 2
        for name, probs in self.probs.items():
            if name not in self.faults and not (alone and name == UNADAPTED) and not METHODS.get(name).builds_on_candidates:
                change = "features" if name == UNADAPTED else METHODS.get(name).assumes
                by_change.setdefault(change, {})[name] = probs
        return {change: consensus_of(probs) for change, probs in by_change.items()}

    @cached_property
    def probs(self) -> dict[str, Floats]:
        """Of the target, by candidate that could be fitted, float [target, class]."""
        return {one.name: one.target_probs for one in self.candidates if one.target_probs is not None}

    @cached_property
    def faults(self) -> dict[str, str]:
        """Why candidates are not used whatever they explain, by name."""
        faults = {one.name: one.fit.fault for one in self.candidates if one.target_probs is None}
        for name, probs in self.probs.items():
            if name != UNADAPTED and len(np.unique(probs.argmax(axis=1))) == 1:
                faults[name] = "every row gets the same class"
        return faults

    def inputs_of(self, change: Change, members: tuple[str, ...], *, circular: bool = False) -> ValidatorInputs:
        """What validators read of candidates that predict together.

        The ensemble predicts by the geometric mean, which names nearly the same classes with more confidence. The arithmetic mean
        keeps the doubt in which members differ.
        """
        pair, probs = self.pair, np.asarray(np.mean([self.probs[name] for name in members], axis=0))
        if (change, members) not in self._hypotheses:
            domains = Domains(pair.source_rows, pair.source.labels, pair.target_rows, pair.task.num_classes, pair.task.seed)
            self._hypotheses[change, members] = HYPOTHESES[change](domains, probs)
        rows, weights = self._hypotheses[change, members]
        back = [one.circular_probs for one in self._named(members)] if circular else []
        known = [one for one in back if one is not None]
        mean = np.asarray(np.mean(known, axis=0)) if known else None
        return ValidatorInputs(probs, pair.target_rows, rows, weights, pair.source.labels, mean)

    def _explanation(self, change: Change, members: tuple[str, ...]) -> Explanation:
        inputs = self.inputs_of(change, members)
        score = VALIDATORS.get("joint_match")(inputs)
        if score is None:
            return Explanation(change, members, float("inf"), suffices=False)
        rows, weights, labels = inputs.source_features, inputs.source_weights, inputs.source_labels
        some = evenly_spaced(len(inputs.target_features), MOST_ROWS)  # labeled rows are all in the pair, however many
        target, probs = inputs.target_features[some], inputs.target_probs[some]
        p_value = joint_p_value(-score, rows, weights, labels, target, probs, range(DRAWS_OF_TEST))
        return Explanation(change, members, -score, p_value >= LEVEL_OF_FIT)

    def _broken(self, members: tuple[str, ...]) -> str:
        """Why a member cannot be fitted back from the target to the source, as a part of a sentence; empty where all can."""
        for one in self._named(members):
            try:
                _ = one.circular_probs
            except (HeadstartError, np.linalg.LinAlgError) as error:
                return f"{one.name} breaks down on the way back from the target, {str(error).rstrip('.')}"
        return ""

    def _validated(self, explanation: Explanation) -> float:
        """The sum of the deciding validators' scores; one that does not apply adds 0."""
        inputs = self.inputs_of(explanation.change, explanation.members, circular=True)
        return sum(VALIDATORS.get(name)(inputs) or 0.0 for name in deciding_validators())

    def _named(self, members: Iterable[str]) -> list[FittedCandidate]:
        return [one for one in self.candidates if one.name in members]

    def _why_alone(self) -> str:
        """Why no other candidate is left, by the most frequent reason."""
        if not self.faults:
            others = len(self.candidates) > 1
            return (
                f"{'No candidates agree with one another beyond' if others else 'There is no candidate but'} the unadapted model."
            )
        reason = Counter(self.faults.values()).most_common(1)[0][0].rstrip(".")
        return f"Every candidate but the unadapted model is rejected, most often because {reason}."

    def _rejection(self, one: FittedCandidate, chosen: tuple[str, ...]) -> str:
        """Why a candidate does not predict, as a part of a sentence; empty where it does, and for the unadapted model."""
        if one.name in chosen or one.name == UNADAPTED or one.name in self.faults:
            return self.faults.get(one.name, "")
        agreeing = self.agreeing.get(METHODS.get(one.name).assumes, ())
        if one.name not in agreeing:
            return "it agrees too little with the other candidates that assume the same"
        if one.name in agreeing[consensus.MOST_MEMBERS :]:
            return f"the ensemble has {consensus.MOST_MEMBERS} members that agree at least as well"
        return "its explanation of the target is not used"

    def _scores_of(self, one: FittedCandidate, rejection: str) -> ValidatorScores:
        scores: dict[str, float | None] = {}
        changed = 0.0
        if one.target_probs is not None and not self.pair.shift.conclusion:
            inputs = self.inputs_of(METHODS.get(one.name).assumes, (one.name,), circular=one.is_fitted_back)
            scores = {name: validator(inputs) for name, validator in VALIDATORS.all().items()}
            changed = self.changed(one.name)
        return ValidatorScores(
            name=one.name,
            method=one.fit.method,
            scores=scores,
            rejection=rejection,
            changed=changed,
            seconds=one.fit.seconds,
        )

    def changed(self, name: str) -> float:
        """Share of the target rows to which a candidate gives another class than the unadapted model does."""
        return float((self.probs[name].argmax(axis=1) != self.probs[UNADAPTED].argmax(axis=1)).mean())


def _predict(members: tuple[str, ...]) -> str:
    return f"{members[0]} predicts" if len(members) == 1 else f"{', '.join(members)} predict together"


def _settled(ranked: list[Explanation], agree_more: Callable[[tuple[str, ...]], bool]) -> Explanation | None:
    """The explanation of the least discrepancy; None where a map of the features and other frequencies cannot be told apart."""
    best = ranked[0]
    by_map = next((one for one in ranked if one.change == "features" and one.suffices), None)
    others = next((one for one in ranked if one.change in FREQUENCIES and one.suffices), None)
    if by_map is None or best not in (by_map, others):
        return best
    balance = by_map.ratio**2 / max(others.ratio, 1e-300) if others else 0.0
    if balance <= FEATURES_BELOW and agree_more(by_map.members):
        return by_map
    return others if balance >= OTHERS_ABOVE else None


def mean_probs(candidates: tuple[FittedCandidate, ...], names: tuple[str, ...]) -> Floats:
    """The geometric mean of named candidates' probabilities, as a model with partners has it, float64 [target, class]."""
    chosen = [one.target_probs for one in candidates if one.name in names and one.target_probs is not None]
    return np.asarray(softmax(np.mean(np.log(np.maximum(chosen, 1e-12)), axis=0), axis=1))
