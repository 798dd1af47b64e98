"""Model selection: which candidates predict the target, by the kind of shift and by validators, without target labels.

Degenerate candidates are rejected first (`degenerate_predictions`). Then the kind of shift decides (`label_or_feature_shift`):

    kind        what changed                            which candidates predict
    few, none   unknown, or nothing                     none
    labels      class shares                            by_class_shares: the one nearest to corrected class shares
    rotated     rows were rotated or reflected          by_rotation: those whose classes fit the rotated source
    features    the features                            by_features: the consensus ensemble, if validators accept it; else, where
                                                        weighted source rows explain the target, by_source_weights
    either      class shares or features, both          by_shares_or_features: the consensus ensemble, if validators accept it by
                explain the target                      stricter thresholds; else by_class_shares, unless that is ambiguous

Where no candidate is chosen, the unadapted model predicts alone. `select` is this decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from headstart.core.errors import HeadstartError
from headstart.core.types import Floats, Integers
from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import VALIDATORS, tolerances
from headstart.heads.class_statistics import one_hot
from headstart.planning.adapting import consensus
from headstart.planning.adapting.adaptation import UNADAPTED, ValidatorScores
from headstart.planning.adapting.candidate_fitting import FittedCandidate
from headstart.planning.adapting.consensus import LARGEST_DISCREPANCY, Scores, consensus_of, fault_of, score_of
from headstart.planning.adapting.degenerate_predictions import agreement_fault, shares_fault
from headstart.planning.adapting.domain_pair import DomainPair
from headstart.shift.label_shift import class_shares
from headstart.shift.tests.label_or_feature_shift import Kind

LARGEST_AMBIGUOUS = 2.4 * LARGEST_DISCREPANCY
"""The largest ambiguous joint discrepancy. Of 41 draws of a concept drift, which corrected class shares would have harmed, 5 left
between `LARGEST_DISCREPANCY` and this, and one more than this; of 23 draws of other class shares 4 left between, and one less."""
LARGEST_REST = 0.5
"""The largest fraction of the unadapted model's joint discrepancy that a candidate may leave to the rotated source. Chosen, not
measured."""
LEAST_ROTATED_NEIGHBORHOOD = 0.8
"""The least neighborhood score of a candidate for a rotated source, as a fraction of that of the source labels. Chosen, not
measured."""
ROTATED_TOLERANCE = 0.1
"""Candidates for a rotated source predict with the best one where they leave at most this fraction of the unadapted model's joint
discrepancy more than it does. Chosen, not measured."""
LEAST_IMPLIED_AGREEMENT = 0.95
"""The least agreement of a candidate with implied classes. Chosen, not measured."""
AMBIGUOUS = "Whether class shares or features changed is ambiguous: corrected class shares are not used either."


class Selection(NamedTuple):
    """The outcome of one rule.

    Attributes:
        chosen: Names of the candidates that predict together; none where the rule chooses no candidate.
        reasons: In sentences.
        rejected: Why other candidates are not chosen, by name.
        discrepancy: The joint discrepancy of a rejected consensus ensemble; 0 where none was rejected.
    """

    chosen: tuple[str, ...]
    reasons: tuple[str, ...]
    rejected: Mapping[str, str] = MappingProxyType({})
    discrepancy: float = 0.0


class SelectionVerdict(NamedTuple):
    """Which candidates predict, and why.

    Attributes:
        chosen: Names; none where the unadapted model predicts alone.
        candidates: Every candidate with its validator scores.
        reasons: In sentences.
        fits: Whether anything, the unadapted model included, makes target neighbors agree half as well as source labels do.
    """

    chosen: tuple[str, ...]
    candidates: tuple[ValidatorScores, ...]
    reasons: tuple[str, ...]
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

    def verdict(self) -> SelectionVerdict:
        """The choice, with the scores and the rejection of every candidate."""
        selection = self.select()
        rejected = {one.name: one.fit.fault for one in self.candidates if one.target_probs is None}
        rejected |= {**self.degenerate, **selection.rejected}
        rejected = {name: why for name, why in rejected.items() if name not in selection.chosen}
        best = max(scores["neighborhood"] or 0.0 for name, scores in self.scores.items() if not rejected.get(name))
        fits = bool(selection.chosen) or self.pair.shift.kind not in ("features", "rotated")
        fits = fits or best >= consensus.LEAST_NEIGHBORHOOD * self.source_neighborhood
        candidates = tuple(self._scores_of(one, rejected.get(one.name, "")) for one in self.candidates)
        return SelectionVerdict(selection.chosen, candidates, (self.pair.shift.sentence, *selection.reasons), fits)

    def select(self) -> Selection:
        """The decision by the kind of shift, as at the top of this module."""
        shift = self.pair.shift
        if shift.conclusion:
            return Selection((), (shift.conclusion,))
        rules: dict[Kind, Callable[[], Selection]] = {
            "labels": self.by_class_shares,
            "rotated": self.by_rotation,
            "features": self.by_features,
            "either": self.by_shares_or_features,
        }
        return rules[shift.kind]()

    def by_features(self) -> Selection:
        """The consensus ensemble, else a candidate that weights source rows where that explains the target."""
        ensemble = self.by_consensus(strict=self.pair.reweighted is not None)
        if ensemble.chosen or self.pair.reweighted is None:
            return ensemble
        weighted = self.by_source_weights(self.pair.reweighted)
        return Selection(weighted.chosen, (*ensemble.reasons, *weighted.reasons), ensemble.rejected)

    def by_shares_or_features(self) -> Selection:
        """The consensus ensemble, else a correction of class shares where the ensemble's joint discrepancy is clear."""
        ensemble = self.by_consensus(strict=True)
        if ensemble.chosen:
            return ensemble
        if ensemble.discrepancy <= LARGEST_AMBIGUOUS:
            return Selection((), (*ensemble.reasons, AMBIGUOUS))
        corrected = self.by_class_shares()
        return Selection(corrected.chosen, (*ensemble.reasons, *corrected.reasons))

    def by_consensus(self, *, strict: bool) -> Selection:
        """The members of the consensus ensemble, if validators accept it."""
        sound = {name: one for name, one in self.inputs.items() if name not in self.degenerate}
        if set(sound) == {UNADAPTED}:
            return Selection((), (self._why_alone(),))
        agreement, agreeing = consensus_of({name: one.target_probs for name, one in sound.items()})
        members, best = agreeing[: consensus.MOST_MEMBERS], max(agreement.values())
        broken = self._broken(members)
        if broken:
            selection = replace(self, candidates=tuple(one for one in self.candidates if one.name not in broken))
            rest = selection.by_consensus(strict=strict)
            return rest._replace(rejected={**broken, **rest.rejected})
        rejected = {
            name: f"it agrees with the ensemble on {share:.0%} of the target, and the best on {best:.0%}"
            for name, share in agreement.items()
            if name not in (*agreeing, UNADAPTED)
        }
        if members == (UNADAPTED,):
            return Selection((), ("The ensemble of candidates that agree is the unadapted model alone.",), rejected)
        inputs = _mean_inputs([self._with_circular(name) for name in members])
        scores = {name: VALIDATORS.get(name)(inputs) for name in tolerances()}
        unadapted = self.scores[UNADAPTED] | {"circular": self._circular(UNADAPTED)}
        fault = fault_of(scores, unadapted, self.source_neighborhood, strict=strict)
        named = ", ".join(members)
        if fault:
            rejected |= {name: f"its ensemble is rejected: {fault}" for name in agreeing if name != UNADAPTED}
            reason = f"The ensemble of {named} is rejected: {fault}."
            return Selection((), (reason,), rejected, -score_of(scores, "joint_match"))
        surplus = [name for name in agreeing if name not in members and name != UNADAPTED]
        rejected |= dict.fromkeys(surplus, f"the ensemble has {len(members)} members that agree at least as well")
        reason = (
            f"The ensemble of {named} is accepted: neighbors among target rows agree {scores['neighborhood'] or 0.0:.2f} above "
            f"chance, by the unadapted model {unadapted['neighborhood'] or 0.0:.2f}. The unadapted model agrees with it on "
            f"{agreement[UNADAPTED]:.0%} of the target."
        )
        return Selection(members, (reason,), rejected)

    def by_source_weights(self, implied: Integers) -> Selection:
        """The candidate nearest to the classes of a mixture common to both domains, as source weights imply them."""
        chosen = self._nearest(implied, self.degenerate)
        outcome = f"{chosen[0]} is nearest to a fit that weights them so" if chosen else "no candidate weights them so"
        return Selection(chosen, (f"Weighted source rows explain the target, and {outcome}.",))

    def by_class_shares(self) -> Selection:
        """The candidate nearest to the unadapted model's classes after a correction to the target's class shares, if near."""
        shares = np.array(self.pair.shift.shares)
        implied = self.inputs[UNADAPTED].target_probs * shares / np.maximum(self.pair.source_shares, 1e-12)
        classes = np.asarray(implied.argmax(axis=1), np.int64)
        if shares_fault(class_shares(classes, len(shares)), shares, exact=True):
            return Selection((), ("Corrected class shares explain the target, and they would lose a class.",))
        chosen = self._nearest(classes, self._degenerate(exact=True))
        outcome = f"{chosen[0]} is nearest to that correction" if chosen else "no candidate is near to that correction"
        return Selection(chosen, (f"Corrected class shares explain the target, and {outcome}.",))

    def by_rotation(self) -> Selection:
        """The candidates whose classes fit the rotated source."""
        scores, broken = self._scores_for_rotation()
        chosen, rejected = candidates_for_rotation(scores, {**self.degenerate, **broken}, self.source_neighborhood)
        rejected |= broken
        if not chosen:
            return Selection((), ("No candidate fits the rotated source.",), rejected)
        before, after = (-(scores[name]["joint_match"] or 0.0) for name in (UNADAPTED, chosen[0]))
        reason = (
            f"{', '.join(chosen)} {'fits' if len(chosen) == 1 else 'fit'} the rotated source: {chosen[0]} leaves a joint "
            f"discrepancy of {after:.3f}, the unadapted model one of {before:.3f}."
        )
        return Selection(chosen, (reason,), rejected)

    def _scores_for_rotation(self) -> tuple[dict[str, dict[str, float | None]], dict[str, str]]:
        """Scores, the circular one of those alone that leave a small joint discrepancy; and why fits back broke down."""
        before = -score_of(self.scores[UNADAPTED], "joint_match")
        near = [name for name, scores in self.scores.items() if -score_of(scores, "joint_match") <= LARGEST_REST * before]
        near = [name for name in near if name not in self.degenerate]
        broken = self._broken(near)
        fitted_back = {UNADAPTED, *near} - set(broken)
        circular = {name: {"circular": self._circular(name)} for name in fitted_back}
        return {name: scores | circular.get(name, {}) for name, scores in self.scores.items()}, broken

    def _broken(self, names: Iterable[str]) -> dict[str, str]:
        """Of candidates that were fitted to the target, those whose fit back broke down, and why."""
        broken = {}
        for one in self.candidates:
            if one.name in names and one.name != UNADAPTED:
                try:
                    _ = one.circular_probs
                except (HeadstartError, np.linalg.LinAlgError) as error:
                    broken[one.name] = str(error)
        return broken

    def _with_circular(self, name: str) -> ValidatorInputs:
        """What validators read of a candidate that is fitted back for it."""
        inputs, probs = self.inputs[name], next(one for one in self.candidates if one.name == name).circular_probs
        return replace(inputs, circular_labels=None if probs is None else inputs.source_labels, circular_probs=probs)

    def _circular(self, name: str) -> float | None:
        return VALIDATORS.get("circular")(self._with_circular(name))

    @cached_property
    def inputs(self) -> dict[str, ValidatorInputs]:
        """What validators read of each candidate that could be fitted, the unadapted model first; not yet of a fit back."""
        probs = {one.name: one.target_probs for one in self.candidates if one.target_probs is not None}
        mean = np.mean(list(probs.values()), axis=0)
        pair = self.pair
        return {
            one.name: ValidatorInputs(
                target_probs=probs[one.name],
                source_only_probs=probs[UNADAPTED],
                ensemble_probs=mean,
                target_features=pair.target_rows,
                held_out_labels=pair.held_out_labels,
                held_out_probs=one.held_out_probs,
                source_features=pair.source_rows,
                rotated_features=pair.rotated_rows,
                source_labels=pair.source.labels,
            )
            for one in self.candidates
            if one.name in probs
        }

    @cached_property
    def scores(self) -> dict[str, dict[str, float | None]]:
        """By candidate that could be fitted and by validator; circular validation, which takes a fit, is not among them yet."""
        return {name: {key: score(one) for key, score in VALIDATORS.all().items()} for name, one in self.inputs.items()}

    @cached_property
    def degenerate(self) -> dict[str, str]:
        """Why candidates are degenerate, by name; without those that are not."""
        return self._degenerate(exact=self.pair.shift.kind == "labels")

    @cached_property
    def source_neighborhood(self) -> float:
        """The neighborhood score of source labels on source rows."""
        truth = one_hot(self.pair.source.labels, self.pair.task.num_classes)
        own = ValidatorInputs(truth, truth, truth, self.pair.source_rows, self.pair.held_out_labels)
        return VALIDATORS.get("neighborhood")(own) or 0.0

    def _degenerate(self, *, exact: bool) -> dict[str, str]:
        """The same, with `exact` where the target's class shares are known, as they explain it."""
        expected = np.array(self.pair.shift.shares) if exact else self.pair.source_shares
        looks_alike = self.pair.shift.kind in ("none", "labels", "either")
        faults = {}
        for name, inputs in self.inputs.items():
            if name != UNADAPTED:
                scores = self.scores[name]
                fault = shares_fault(class_shares(inputs.predicted, len(expected)), expected, exact=exact)
                faults[name] = fault or agreement_fault(
                    scores["agreement"] if looks_alike else None,
                    scores["source_accuracy"],
                    self.scores[UNADAPTED]["source_accuracy"],
                )
        return {name: fault for name, fault in faults.items() if fault}

    def _nearest(self, implied: Integers, degenerate: dict[str, str]) -> tuple[str, ...]:
        """The candidate that agrees best with implied classes, if well, and at least as well as the unadapted model."""
        agreement = {
            name: float((one.predicted == implied).mean()) for name, one in self.inputs.items() if name not in degenerate
        }
        least = max(LEAST_IMPLIED_AGREEMENT, agreement.pop(UNADAPTED))
        best = max(agreement, key=lambda name: agreement[name], default=None)
        return (best,) if best is not None and agreement[best] >= least else ()

    def _why_alone(self) -> str:
        """Why no other candidate is left, by the most frequent reason."""
        faults = [one.fit.fault for one in self.candidates if one.target_probs is None] + list(self.degenerate.values())
        if not faults:
            return "There is no candidate but the unadapted model."
        reason = Counter(faults).most_common(1)[0][0].rstrip(".")
        return f"Every candidate but the unadapted model is rejected, most often because {reason}."

    def _scores_of(self, one: FittedCandidate, rejection: str) -> ValidatorScores:
        inputs = self.inputs.get(one.name)
        circular = {"circular": self._circular(one.name)} if one.is_fitted_back else {}
        changed = 0.0 if inputs is None else float((inputs.predicted != inputs.source_only_probs.argmax(axis=1)).mean())
        return ValidatorScores(
            name=one.name,
            method=one.fit.method,
            scores=self.scores.get(one.name, {}) | circular,
            rejection=rejection,
            changed=changed,
            seconds=one.fit.seconds,
        )


def candidates_for_rotation(
    scores: dict[str, dict[str, float | None]], degenerate: dict[str, str], source_neighborhood: float
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Names of the candidates whose classes fit the rotated source, the best first, and why others do not, by name.

    Neighborhood alone does not suffice: the unadapted model's boundaries, too, may run between clusters, and name them wrongly.
    """
    rejected: dict[str, str] = {}
    fits: dict[str, float] = {}
    unadapted = scores[UNADAPTED]
    before = -score_of(unadapted, "joint_match")
    for name in (one for one in scores if one != UNADAPTED and one not in degenerate):
        fault, left = _rotation_fault(scores[name], unadapted, source_neighborhood), -score_of(scores[name], "joint_match")
        if fault:
            rejected[name] = fault
        else:
            fits[name] = left
    ranked = sorted(fits, key=lambda name: fits[name])
    near = [name for name in ranked[: consensus.MOST_MEMBERS] if fits[name] - fits[ranked[0]] <= ROTATED_TOLERANCE * before]
    return tuple(near), rejected


def _rotation_fault(scores: Scores, unadapted: Scores, source_neighborhood: float) -> str:
    before, left = -score_of(unadapted, "joint_match"), -score_of(scores, "joint_match")
    if left > LARGEST_REST * before:
        return f"it leaves a joint discrepancy of {left:.3f} from the rotated source, and the unadapted model {before:.3f}"
    if score_of(scores, "circular") < score_of(unadapted, "circular") - (tolerances()["circular"] or 0.0):
        return "it falls behind the unadapted model in circular"
    if score_of(scores, "neighborhood") < LEAST_ROTATED_NEIGHBORHOOD * source_neighborhood:
        return "neighbors in the target agree less than neighbors in the source"
    return ""


def _mean_inputs(members: list[ValidatorInputs]) -> ValidatorInputs:
    """What validators read of an ensemble: the arithmetic mean of its members' probabilities, of the way back as well.

    The ensemble predicts by the geometric mean, which names nearly the same classes with more confidence. The arithmetic mean
    keeps the doubt in which members differ: by it the joint discrepancy separates changed features from changed class shares.
    """
    back = [one.circular_probs for one in members if one.circular_probs is not None]
    return replace(
        members[0],
        target_probs=np.mean([one.target_probs for one in members], axis=0),
        circular_labels=members[0].source_labels if back else None,
        circular_probs=np.mean(back, axis=0) if back else None,
    )


def mean_probs(candidates: tuple[FittedCandidate, ...], names: tuple[str, ...]) -> Floats:
    """The geometric mean of named candidates' probabilities, as a model with partners has it, float64 [target, class]."""
    chosen = [one.target_probs for one in candidates if one.name in names and one.target_probs is not None]
    return np.asarray(softmax(np.mean(np.log(np.maximum(chosen, 1e-12)), axis=0), axis=1))
