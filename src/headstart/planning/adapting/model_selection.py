"""Jury: which candidates can be trusted, by what kind of shift there is and by validators."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from headstart.core.types import Floats, Integers
from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import VALIDATORS, tolerances
from headstart.heads.class_statistics import one_hot
from headstart.planning.adapting.adaptation import ValidatorScores
from headstart.planning.adapting.candidate_fitting import FittedCandidate
from headstart.planning.adapting.consensus import (
    COMPARABLE,
    LARGEST_GAP,
    MOST_TOGETHER,
    Values,
    consensus_of,
    fault_of,
    value_of,
)
from headstart.planning.adapting.degenerate_predictions import agreement_fault, predicted_shares, shares_fault
from headstart.planning.adapting.domain_pair import DomainPair

DOUBTFUL = 2.4
"""Times the joint gap that an accord may leave: up to there neither it nor other class shares are believed. Of 41 draws of a
concept drift 5 lay between once and so many times, which class shares would have harmed, and one beyond; of 23 of other class
shares 4 between, and one below once."""
MOST_LEFT = 0.5
"""Of the unadapted model's joint gap: what candidates may leave of it where the source is turned."""
NEARLY_OWN = 0.8
"""Of the source's own neighborhood value, for candidates that turn the source."""
TURNED_TOLERANCE = 0.1
"""Of the unadapted model's joint gap: candidates that come so near to the best fit predict together."""
SAME_AS_EXPECTED = 0.95
"""Agreement with what class shares alone imply, from which a candidate is a correction of labels."""


ByCandidate = dict[str, dict[str, float | None]]
"""What validators say, by candidate."""


class SelectionVerdict(NamedTuple):
    """Who predicts, and why.

    Attributes:
        chosen: Names; none where the unadapted model stays alone.
        votes: Of every candidate.
        reasons: In sentences.
        fits: Whether anything, the unadapted model included, makes target neighbors agree half as well as source labels do.
    """

    chosen: tuple[str, ...]
    votes: tuple[ValidatorScores, ...]
    reasons: tuple[str, ...]
    fits: bool


class Selection(NamedTuple):
    """What one hearing came to.

    Attributes:
        chosen: Names; none where nobody is believed.
        behind: Why others are not among them, by name.
        reasons: In sentences.
        gap: The joint gap of an accord that was refused; 0 where none was.
    """

    chosen: tuple[str, ...]
    behind: dict[str, str]
    reasons: tuple[str, ...]
    gap: float = 0.0


@dataclass(frozen=True)
class ModelSelection:
    """Judges candidates that could be fitted, the unadapted model first.

    Attributes:
        scene: What they are judged on.
        candidates: At least the unadapted model.
    """

    scene: DomainPair
    candidates: tuple[FittedCandidate, ...] = field(repr=False)

    def verdict(self) -> SelectionVerdict:
        """Who predicts: by the kind of shift, the simplest explanation first."""
        fitted = [one for one in self.candidates if one.target_probs is not None]
        evidence = {one.name: evidence_of(self.scene, one, fitted) for one in fitted}
        values = {name: {key: judge(one) for key, judge in VALIDATORS.all().items()} for name, one in evidence.items()}
        faults = {one.name: one.tried.fault for one in self.candidates if one.target_probs is None}
        faults |= self._faults(evidence, values, exact=self.scene.shift.kind == "labels")
        heard = self._heard(evidence, values, faults)
        faults = {name: fault for name, fault in (faults | heard.behind).items() if name not in heard.chosen}
        best = max(value["neighborhood"] or 0.0 for name, value in values.items() if not faults.get(name))
        fits = bool(heard.chosen) or self.scene.shift.kind not in ("features", "turned") or best >= COMPARABLE * self._own()
        votes = tuple(self._vote(one, values, faults, evidence) for one in self.candidates)
        return SelectionVerdict(heard.chosen, votes, (self.scene.shift.sentence, *heard.reasons), fits)

    def _heard(self, evidence: dict[str, ValidatorInputs], values: ByCandidate, faults: dict[str, str]) -> Selection:
        """Who is believed, of the candidates without faults."""
        kind, first = self.scene.shift.kind, next(iter(evidence))
        if self.scene.shift.conclusion:
            return Selection((), {}, (self.scene.shift.conclusion,))
        if kind == "labels":
            return self._by_labels(evidence, values)
        if kind == "turned":
            chosen, behind = chosen_for_rotation(values, first, faults, self._own())
            return Selection(chosen, behind, (_about_turned(chosen, values, first),))
        heard = self._by_accord(evidence, values[first], faults, sure=kind == "either" or self.scene.reweighted is not None)
        if heard.chosen:
            return heard
        if kind == "either" and heard.gap <= DOUBTFUL * LARGEST_GAP:
            return Selection((), {}, (*heard.reasons, "That is too little to believe in other class shares alone."))
        simpler = self._by_labels(evidence, values) if kind == "either" else self._by_weights(evidence, faults)
        return Selection(simpler.chosen, heard.behind if kind == "features" else {}, (*heard.reasons, *simpler.reasons))

    def _by_accord(
        self, evidence: dict[str, ValidatorInputs], unadapted: Values, faults: dict[str, str], *, sure: bool
    ) -> Selection:
        """Those that agree with one another, if what they say together can be trusted."""
        agreement, agreeing = consensus_of({name: one.target_probs for name, one in evidence.items() if not faults.get(name)})
        members = agreeing[:MOST_TOGETHER]
        best, first = max(agreement.values()), next(iter(evidence))
        if set(agreement) == {first}:
            return Selection((), {}, (_about_nobody(faults),))
        behind = {
            name: f"it agrees with the others on {share:.0%} of the target, and the best on {best:.0%}"
            for name, share in agreement.items()
            if name not in (*agreeing, first)
        }
        if members == (first,):
            return Selection((), behind, ("Nobody agrees with the others as much as the unadapted model does.",))
        together = {juror: VALIDATORS.get(juror)(_mean_evidence([evidence[name] for name in members])) for juror in tolerances()}
        fault = fault_of(together, unadapted, self._own(), sure=sure)
        if fault:
            behind |= {name: f"of the accord that it is part of: {fault}" for name in agreeing if name != first}
            reason = f"Of {', '.join(members)} together: {fault}."
            return Selection((), behind, (reason,), -value_of(together, "joint_match"))
        beyond = agreeing[MOST_TOGETHER:]
        behind |= {name: f"{MOST_TOGETHER} that agree no less predict already" for name in beyond if name != first}
        return Selection(members, behind, (_about_accord(members, together, unadapted, agreement[first]),))

    def _by_weights(self, evidence: dict[str, ValidatorInputs], faults: dict[str, str]) -> Selection:
        """The candidate nearest to a fit that counts source rows by weights, where rows so counted pass for the target."""
        if self.scene.reweighted is None:
            return Selection((), {}, ())
        chosen = _nearest(self.scene.reweighted, evidence, faults)
        return Selection(chosen, {}, (_about_weights(chosen),))

    def _by_labels(self, evidence: dict[str, ValidatorInputs], values: ByCandidate) -> Selection:
        """The candidate nearest to what the unadapted model says once its class shares are those of the target, if near."""
        faults = self._faults(evidence, values, exact=True)
        unadapted, shares = next(iter(evidence.values())), np.array(self.scene.shift.shares)
        implied = unadapted.target_probs * shares / np.maximum(self.scene.source_shares, 1e-12)
        lost = shares_fault(predicted_shares(implied), shares, exact=True)
        chosen = () if lost else _nearest(np.asarray(implied.argmax(axis=1), np.int64), evidence, faults)
        return Selection(chosen, {}, (_about_labels(chosen),))

    def _faults(self, evidence: dict[str, ValidatorInputs], values: ByCandidate, *, exact: bool) -> dict[str, str]:
        """Why each candidate but the first is ruled out, by collapse detectors; `exact` where class shares explain the target."""
        first, *rest = evidence
        expected = np.array(self.scene.shift.shares) if exact else self.scene.source_shares
        faults = {}
        for name in rest:
            fault = shares_fault(predicted_shares(evidence[name].target_probs), expected, exact=exact)
            one = values[name]
            agreement = one["agreement"] if self.scene.shift.kind in ("none", "labels", "either") else None
            faults[name] = fault or agreement_fault(agreement, one["source_accuracy"], values[first]["source_accuracy"])
        return {name: fault for name, fault in faults.items() if fault}

    def _own(self) -> float:
        """How well source labels keep to neighbors among source rows."""
        truth = one_hot(self.scene.source.labels, self.scene.task.num_classes)
        own = ValidatorInputs(truth, truth, truth, self.scene.source_rows, self.scene.held_labels)
        return VALIDATORS.get("neighborhood")(own) or 0.0

    def _vote(
        self,
        one: FittedCandidate,
        values: ByCandidate,
        faults: dict[str, str],
        evidence: dict[str, ValidatorInputs],
    ) -> ValidatorScores:
        known = evidence.get(one.name)
        changed = 0.0 if known is None else float((known.predicted != known.source_only_probs.argmax(axis=1)).mean())
        return ValidatorScores(
            name=one.name,
            method=one.tried.method,
            values=values.get(one.name, {}),
            refused=faults.get(one.name, ""),
            changed=changed,
            seconds=one.tried.seconds,
        )


def _nearest(implied: Integers, evidence: dict[str, ValidatorInputs], faults: dict[str, str]) -> tuple[str, ...]:
    """The candidate that agrees best with implied classes, if well and no worse than the unadapted model, which comes first."""
    agreement = {name: float((one.predicted == implied).mean()) for name, one in evidence.items() if not faults.get(name)}
    first = next(iter(evidence))
    best = max((name for name in agreement if name != first), key=lambda name: agreement[name], default=first)
    near = best != first and agreement[best] >= max(SAME_AS_EXPECTED, agreement[first])
    return (best,) if near else ()


def evidence_of(scene: DomainPair, one: FittedCandidate, fitted: list[FittedCandidate]) -> ValidatorInputs:
    """What validators look at.

    Args:
        scene: Both domains.
        one: A candidate that could be fitted.
        fitted: All of them, the unadapted model first.

    Returns:
        The evidence.
    """
    probs = [each.target_probs for each in fitted if each.target_probs is not None]
    assert one.target_probs is not None
    return ValidatorInputs(
        target_probs=one.target_probs,
        source_only_probs=probs[0],
        ensemble_probs=np.mean(probs, axis=0),
        target_features=scene.target_rows,
        held_labels=scene.held_labels,
        held_probs=one.held_probs,
        source_features=scene.source_rows,
        turned_features=scene.turned_rows,
        source_labels=scene.source.labels,
        circular_labels=scene.source.labels if one.circular_probs is not None else None,
        circular_probs=one.circular_probs,
    )


def _mean_evidence(members: list[ValidatorInputs]) -> ValidatorInputs:
    """What several say together, on the way back as well: the mean of their probabilities.

    A model of them predicts by the geometric mean, which names nearly the same classes and is surer of them. The plain mean keeps
    the doubt in which they differ: by it the joint match tells a moved target from one of other class shares, by the other less.
    """
    back = [one.circular_probs for one in members if one.circular_probs is not None]
    return replace(
        members[0],
        target_probs=np.mean([one.target_probs for one in members], axis=0),
        circular_labels=members[0].source_labels if back else None,
        circular_probs=np.mean(back, axis=0) if back else None,
    )


def chosen_for_rotation(
    values: ByCandidate, first: str, faults: dict[str, str], own: float
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Candidates whose classes fit the turned source, where a rotation or mirror image explains the target.

    Neighborhoods do not tell there: the unadapted model's boundaries may run between clusters, too, and name them wrongly.

    Args:
        values: By candidate and validator.
        first: The unadapted model's name.
        faults: Of candidates that are ruled out already.
        own: The neighborhood value of source labels on source rows.

    Returns:
        Names, the best fit first, and faults by name.
    """
    behind: dict[str, str] = {}
    fits: dict[str, float] = {}
    gap, circular = -value_of(values[first], "joint_match"), value_of(values[first], "circular")
    for name, value in values.items():
        if name == first or name in faults:
            continue
        left = -value_of(value, "joint_match")
        if left > MOST_LEFT * gap:
            behind[name] = (
                f"it leaves {left:.3f} of the joint gap of {gap:.3f} that the unadapted model leaves to the turned source"
            )
        elif value_of(value, "circular") < circular - (tolerances()["circular"] or 0.0):
            behind[name] = "it falls behind the unadapted model in circular"
        elif value_of(value, "neighborhood") < NEARLY_OWN * own:
            behind[name] = "neighbors in the target agree less than neighbors in the source"
        else:
            fits[name] = left
    ranked = sorted(fits, key=lambda name: fits[name])
    return tuple(name for name in ranked[:MOST_TOGETHER] if fits[name] - fits[ranked[0]] <= TURNED_TOLERANCE * gap), behind


def _about_nobody(faults: dict[str, str]) -> str:
    """Why the unadapted model is alone, by the reason that most candidates have."""
    reasons = Counter(faults.values()).most_common(1)
    return f"No candidate but the unadapted model could be judged{f': of most, {reasons[0][0]}' if reasons else ''}."


def _about_accord(members: tuple[str, ...], together: Values, unadapted: Values, share: float) -> str:
    before, after = unadapted["neighborhood"] or 0.0, together["neighborhood"] or 0.0
    return (
        f"{', '.join(members)} agree and predict together: neighbors among target rows agree {after:.2f} above chance, by the "
        f"unadapted model {before:.2f}. They agree with the unadapted model on {share:.0%} of the target."
    )


def _about_turned(chosen: tuple[str, ...], values: ByCandidate, first: str) -> str:
    if not chosen:
        return "No candidate fits the turned source."
    before, after = values[first]["joint_match"], values[chosen[0]]["joint_match"]
    return (
        f"{', '.join(chosen)} {'fits' if len(chosen) == 1 else 'fit'} the turned source: {chosen[0]} leaves a joint gap of "
        f"{-(after or 0.0):.3f}, the unadapted model one of {-(before or 0.0):.3f}."
    )


def _about_weights(chosen: tuple[str, ...]) -> str:
    if not chosen:
        return "Source rows counted by weights pass for the target, and no candidate counts them so."
    return f"Source rows counted by weights pass for the target: {chosen[0]} is nearest to a fit that counts them so."


def _about_labels(chosen: tuple[str, ...]) -> str:
    if not chosen:
        return "No candidate does what other class shares ask for, or what they ask for would lose a class."
    return f"{chosen[0]} is nearest to what the unadapted model says once its class shares are those of the target."


def mean_probs(candidates: tuple[FittedCandidate, ...], names: tuple[str, ...]) -> Floats:
    """What those candidates say together: the geometric mean of their probabilities, as a model with partners has it.

    Args:
        candidates: All of them.
        names: Of those that predict.

    Returns:
        float64 [target, class].
    """
    chosen = [one.target_probs for one in candidates if one.name in names and one.target_probs is not None]
    return np.asarray(softmax(np.mean(np.log(np.maximum(chosen, 1e-12)), axis=0), axis=1))
