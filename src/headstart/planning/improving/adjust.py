"""adjust: from the evidence of a fit to one changed plan, kept only if it is better."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headstart.core.errors import TrainingError
from headstart.core.findings import Finding
from headstart.core.predictions import Predictions
from headstart.core.progress import note, stage
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.methods.model import Model
from headstart.planning.costs import MARGIN, seconds_of_cross_validation
from headstart.planning.cross_validation import cross_validate_chance
from headstart.planning.deciding.multiple_comparisons import level_of_nth, significant_at
from headstart.planning.deciding.verdict import SMALLEST_GAIN, Side, compared, wins
from headstart.planning.fitting import backbone_of, candidate_of, cross_validated_plan, fit_plan
from headstart.planning.improving.adjustment import Adjustment, Trial, changes_between, measured, named
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal, gathered
from headstart.planning.improving.rules import RULES
from headstart.planning.plan import Plan, is_gradient
from headstart.planning.results import Comparison


class Refit(Record):
    """A fit of a changed plan, for the evidence that its model and history give; they lie beside it."""

    seconds: float


@dataclass
class Adjusting:
    """Proposes, tries and keeps account.

    Attributes:
        steps: Where finished folds and fits lie.
        evidence: Of the plan that stands.
        minutes: The budget; None for a single trial.
        earlier: Changes that were tested on the same rows before the plan of the run came about.
        trials: In the order tried.
        advice: By code.
        spent_seconds: On cross-validation and fits so far, as first measured, so that a restart decides alike.
        proposed: Fingerprints of the plans that were tried.
    """

    steps: Steps
    evidence: FitEvidence
    minutes: float | None
    earlier: int = 0
    trials: list[Trial] = field(default_factory=list)
    advice: dict[str, Finding] = field(default_factory=dict)
    spent_seconds: float = 0.0
    proposed: set[str] = field(default_factory=set)

    @property
    def left_seconds(self) -> float | None:
        """What is left of the budget; None where there is none."""
        return None if self.minutes is None else 60 * self.minutes - self.spent_seconds

    def proposals(self) -> list[tuple[str, Proposal]]:
        """What the rules propose now and was not tried yet, with their names.

        The largest expected gain comes first, among equals the cheapest. Findings of the rules become advice, instead of those
        about an earlier plan.
        """
        evidence = replace(self.evidence, left_seconds=self.left_seconds)
        self.advice.clear()
        found = []
        for name, rule in RULES.all().items():
            for answer in rule(evidence):
                if isinstance(answer, Finding):
                    self.advice[answer.code] = answer
                elif answer.plan.content_fingerprint() not in self.proposed and _can_win(answer, evidence):
                    found.append((name, answer))
        return sorted(found, key=lambda pair: (-pair[1].gain, _passes(pair[1].plan), pair[0]))

    def run(self) -> None:
        """Try proposals until one did not break down or, with a budget, until it is spent or nothing is proposed."""
        proposed = self.proposals()
        self._announce(proposed)
        while proposed:
            trial = self.tried(*proposed[0])
            last = trial.outcome != "failed" if self.left_seconds is None else self.left_seconds <= 0
            if trial.outcome == "kept" and last:
                self.advice.clear()
            if last:
                return
            if trial.outcome == "kept":
                self.evidence = self._refitted()
            proposed = self.proposals()

    def tried(self, rule: str, proposal: Proposal) -> Trial:
        """What became of a proposal; it replaces the plan that stands when it is better."""
        self.proposed.add(proposal.plan.content_fingerprint())
        changes = changes_between(self.evidence.plan, proposal.plan)
        left = float("inf") if self.left_seconds is None else max(self.left_seconds, 0.0)
        try:
            cost = self._cost(proposal.plan)
            if cost > left:
                facts = {
                    "outcome": "too costly",
                    "sentence": f"not tried: it would take {cost:.0f} s, and {left:.0f} s are left",
                }
            else:
                with stage(f"{rule}: {named(changes)}"):
                    facts = self._tested(rule, proposal, named(changes))
        except TrainingError as error:
            facts = {"outcome": "failed", "sentence": str(error)}
        self.trials.append(Trial(rule=rule, reason=proposal.reason, changes=changes, **facts))
        return self.trials[-1]

    def _announce(self, proposed: list[tuple[str, Proposal]]) -> None:
        """Say what is proposed and what each change will take, before the first is tried."""
        for place, (rule, proposal) in enumerate(proposed):
            try:
                takes = f"about {self._price(proposal.plan):.0f} s"
            except TrainingError:
                takes = "a price that cannot be foreseen"
            when = "Tried first" if not place else "Then" if self.minutes else "Tried with --minutes"
            note(f"{when}: {rule}, {named(changes_between(self.evidence.plan, proposal.plan))}: {takes}.")

    def _tested(self, rule: str, proposal: Proposal, changes: str) -> dict[str, Any]:
        """Cross-validate a proposal and compare it with the plan that stands: the fields of its trial."""
        evidence, task = self.evidence, self.evidence.task
        validated = cross_validated_plan(task, proposal.plan, self.steps, keep_models=bool(proposal.plan.partners))
        seconds = validated.result.seconds
        self.spent_seconds += seconds
        if validated.predictions is None:
            return {"seconds": seconds, "outcome": "failed", "sentence": validated.result.reason}
        sides = Side(changes, validated.predictions), Side("the plan before", _before(evidence, proposal))
        comparison = compared(*sides, task.seed, proposal.aim == "balanced accuracy")
        better = self._is_better(proposal, comparison)
        sentence = f"{'better' if better else 'not better beyond noise'}: {measured(comparison)}"
        if better:
            reasons = (*evidence.plan.reasons, f"{rule}: {proposal.reason} {sentence}.")
            plan = proposal.plan.model_copy(update={**validated.calibration, "reasons": reasons})
            self.evidence = replace(evidence, plan=plan, cross_validated=validated)
        outcome = "kept" if better else "no better"
        return {"seconds": seconds, "outcome": outcome, "sentence": sentence, "comparison": comparison}

    def _is_better(self, proposal: Proposal, comparison: Comparison) -> bool:
        """Whether the change is to be kept, at a level that counts those tested before it on the same rows.

        A new temperature changes no predicted class, so that no gain in accuracy is asked of it.
        """
        number = 1 + self.earlier + sum(trial.comparison is not None for trial in self.trials)
        return significant_at(comparison, level_of_nth(number)) and (proposal.aim == "log loss" or wins(comparison))

    def _refitted(self) -> FitEvidence:
        """The evidence of the plan that now stands, from a fit of it on all rows."""
        evidence = self.evidence
        task, plan = evidence.task, evidence.plan
        inputs = {"task": task.fingerprint, "plan": plan.to_dict()}

        def make(workspace: Path) -> Refit:
            begun = time.perf_counter()
            fit_plan(task, plan, workspace / "model", self.steps, workspace)
            return Refit(seconds=time.perf_counter() - begun)

        self.spent_seconds += self.steps.run("refit", inputs, Refit, make).seconds
        folder = self.steps.folder / self.steps.stem("refit", inputs)
        return gathered(task, plan, backbone_of(plan), evidence.cross_validated, Model.load(folder / "model"), folder)

    def _cost(self, plan: Plan) -> float:
        """What cross-validating a plan and fitting it may take of a budget; 0 where there is none."""
        return 0.0 if self.minutes is None else MARGIN * self._price(plan)

    def _price(self, plan: Plan) -> float:
        """Predicted seconds to cross-validate a plan and to fit it; 0 where the fits exist."""
        if _fit_of(plan) == _fit_of(self.evidence.plan):
            return 0.0
        return seconds_of_cross_validation(candidate_of(plan), self.evidence.task, backbone_of(plan), self.steps, num_more=1)


def _can_win(proposal: Proposal, evidence: FitEvidence) -> bool:
    """Whether enough is wrong for the proposal to be better by an amount that matters."""
    return proposal.aim != "accuracy" or evidence.held_out_error >= SMALLEST_GAIN


def _fit_of(plan: Plan) -> tuple[object, ...]:
    """All that the folds of a plan depend on: plans that differ in their temperatures alone share it."""
    return candidate_of(plan), plan.mean, plan.std


def _passes(plan: Plan) -> float:
    """What a fit costs, up to a factor: pictures that pass the network, by their area."""
    return (plan.training.epochs if is_gradient(plan.method) else 1) * float(plan.input_pixels**2)


def _before(evidence: FitEvidence, proposal: Proposal) -> Predictions:
    """What a proposal is compared with: probabilities as deployed where they are its aim, and calibrated elsewhere.

    Where folds of the plan broke down, the class shares stand for it.
    """
    held_out = evidence.deployed if proposal.aim == "log loss" else evidence.held_out
    if held_out is None:
        held_out = cross_validate_chance(evidence.task, evidence.cross_validated.candidate, evidence.task.folds).predictions
    assert held_out is not None
    return held_out


def adjust(
    evidence: FitEvidence,
    steps: Steps,
    *,
    minutes: float | None = None,
    parent: str = "",
    earlier: int = 0,
    spent_seconds: float = 0.0,
) -> Adjustment:
    """The plan of a finished fit, changed where a paired test on held-out rows says that the change is better.

    Rules read the evidence of the fit and propose changed plans; the one with the largest expected gain is cross-validated on the
    same folds as the plan before. Test labels are never read. As all changes are tested on the same rows, the n-th is tested at a
    level of 5 % / (n (n + 1)): a run that nothing improves is left alone in 95 % of cases, however long the minutes.

    Args:
        evidence: Of the finished fit.
        steps: Where finished folds and fits are kept and found.
        minutes: Go on until trials have taken them or nothing is proposed; None tries one proposal, and the next where it breaks
            down.
        parent: The run's folder, for the record.
        earlier: Changes tested on the same rows before the run's plan came about.
        spent_seconds: Of the minutes, what cross-validating the plan itself took.

    Returns:
        What was tried, and the plan that stands.
    """
    adjusting = Adjusting(steps, evidence, minutes, earlier, spent_seconds=spent_seconds)
    adjusting.run()
    return Adjustment(
        parent=parent,
        minutes=minutes,
        earlier=earlier,
        plan=adjusting.evidence.plan,
        trials=tuple(adjusting.trials),
        advice=tuple(adjusting.advice.values()),
    )
