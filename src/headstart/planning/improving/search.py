"""search: settings of a method tried on the task's folds, guided by what was tried before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from headstart.backbones.backbone import Backbone
from headstart.backbones.label_contamination import check_contamination
from headstart.core.curves import training_of
from headstart.core.dropping import cached_record
from headstart.core.errors import DataError, PlanError, TrainingError
from headstart.core.executing import dropping_begun, executor
from headstart.core.progress import about, note, stage
from headstart.core.ranges import Range
from headstart.core.records import holds_anything, write_atomically
from headstart.core.seeds import seed_for
from headstart.core.steps import Steps
from headstart.core.unfinished import sweep
from headstart.data.summary import TaskSummary
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.base import check_needs
from headstart.planning.candidate import Candidate
from headstart.planning.costs import MARGIN, seconds_of_cross_validation
from headstart.planning.cross_validation import CrossValidated, begin_folds, drop_folds
from headstart.planning.deciding.multiple_comparisons import level_of_best, significant_at
from headstart.planning.deciding.selection import side_of
from headstart.planning.deciding.verdict import ONE_SIDED_95, advantage, compared
from headstart.planning.fitting import backbone_of, candidate_of, cross_validated_plan, to_its_end
from headstart.planning.improving.adjustment import changes_between, measured, named
from headstart.planning.improving.sampler import check_optuna, suggest
from headstart.planning.improving.study import (
    Found,
    SearchTrial,
    Settings,
    Study,
    WarmStart,
    plan_with,
    settings_in,
    space_of,
    warm_starts_from,
)
from headstart.planning.plan import Plan, Rejected

USUAL_TRIALS = 20
"""Trials where neither minutes nor trials are given. Chosen, not measured."""
MOST_IN_VAIN = 5
"""So many suggestions in a row that cannot finish, or that the task does not allow, end the search. Chosen, not measured."""
CHOSEN_ON_THEM = "The same images chose these settings, so that the gain may look larger than it is."
"""Said of the numbers of a search; a fit of its plan that is judged out of fold says the same."""
REDRAWS = 10
"""So many suggestions in a row that were all tried before end the search. Chosen, not measured."""


@dataclass
class Search:
    """Suggests settings, cross-validates them and keeps account; a search that was killed goes on as if nothing had happened.

    Attributes:
        task: What is to be learned.
        study: What is searched for.
        steps: Where trials and finished folds lie.
        minutes: The budget; None for none.
        most_trials: So many trials at most.
        at_once: So many settings are suggested before the next results count, so that their folds can be fitted together.
        trials: In the order tried, and then those of another budget.
    """

    task: Task
    study: Study
    steps: Steps
    minutes: float | None
    most_trials: float
    at_once: int = 1
    trials: list[SearchTrial] = field(default_factory=list)

    @cached_property
    def space(self) -> dict[str, Range]:
        """What is searched."""
        return space_of(self.study.plan, self.study.fixed)

    @property
    def left_seconds(self) -> float:
        """What is left of the budget."""
        return float("inf") if self.minutes is None else 60 * self.minutes - sum(trial.seconds for trial in self.trials)

    def announcement(self) -> str:
        """What the search will take, said before it begins."""
        goes_on = "Ctrl-C keeps what is finished, and the same command goes on."
        if self.minutes is not None:
            return f"Searching {', '.join(self.space)} for {about(60 * self.minutes)}. {goes_on}"
        plan, trials = self.study.plan, f"{self.most_trials:.0f} trial{'' if self.most_trials == 1 else 's'}"
        try:
            one = seconds_of_cross_validation(candidate_of(plan), self.task, backbone_of(plan), self.steps)
        except TrainingError:  # the first trial says how it breaks down
            return f"Searching {', '.join(self.space)} in {trials}. {goes_on}"
        return f"Searching {', '.join(self.space)} in {trials}: {about(one * self.most_trials)}. {goes_on}"

    def run(self) -> None:
        """Try until the budget is spent, the trials are made, or nothing new is suggested."""
        while self._goes_on() and (suggested := self._suggested_together()):
            with dropping_begun():
                self._begin(suggested)
                for one in suggested:
                    if not self._goes_on():
                        return
                    self.trials.append(self._tried(one))
                    if self.trials[0].outcome == "too costly":
                        raise PlanError(
                            f"The default cannot be compared with anything: {self.trials[0].reason}. Give --minutes more."
                        )

    def _goes_on(self) -> bool:
        return len(self.trials) < self.most_trials and self.left_seconds > 0 and not self._stuck()

    def _begin(self, suggested: Sequence[WarmStart]) -> None:
        """Begin the folds of settings where works run elsewhere: the first fold of each, then the second ones, and so on."""
        if not executor().is_remote:
            return
        known: list[tuple[Candidate, Backbone]] = []
        left = self.left_seconds
        for one in suggested:
            with suppress(DataError, PlanError, TrainingError):  # its trial says so
                plan = plan_with(self.study.plan, one.settings)
                candidate, backbone = candidate_of(plan), backbone_of(plan)
                if self.minutes is not None:
                    left -= MARGIN * seconds_of_cross_validation(candidate, self.task, backbone, self.steps)
                if left >= 0 and not candidate.partners:
                    known.append((candidate, backbone))
        for index in range(len(self.task.folds)):
            for candidate, backbone in known:
                begin_folds(self.task, candidate, backbone, (index,), self.steps, keep_models=False)

    def recall(self) -> None:
        """List what was tried under another budget and not under this one, so that no finished trial is lost.

        A larger budget affords what was too costly, after which other settings are suggested.
        """
        paths = sorted(self.steps.folder.glob("trial-*.json"))
        recorded = [trial for path in paths if (trial := cached_record(path, SearchTrial)) is not None]
        tried = [trial.settings for trial in self.trials if trial.outcome != "too costly"]
        recalled = [trial for trial in recorded if trial.settings not in tried]
        settings = [trial.settings for trial in recalled]
        self.trials = [*(trial for trial in self.trials if trial.settings not in settings), *recalled]

    def _stuck(self) -> bool:
        """Whether nothing that was suggested lately can finish."""
        latest = self.trials[-MOST_IN_VAIN:]
        return len(latest) == MOST_IN_VAIN and not any(trial.seconds for trial in latest)

    def _suggested_together(self) -> list[WarmStart]:
        """The next settings, `at_once` of them; fewer where what is suggested was all tried before."""
        found: list[WarmStart] = []
        while len(found) < min(self.at_once, self.most_trials - len(self.trials)):
            suggested = self._suggested(len(self.trials) + len(found), [one.settings for one in found])
            if suggested is None:
                break
            found.append(suggested)
        return found

    def _suggested(self, number: int, others: Sequence[Settings]) -> WarmStart | None:
        """The default, then what similar tasks chose, then what the sampler draws; None when that was all tried before.

        Args:
            number: Of the trial.
            others: What is suggested together with it.

        Returns:
            The settings.
        """
        given = (WarmStart(run="default", settings=settings_in(self.study.plan, self.space)), *self.study.warm_starts)
        if number < len(given):
            return given[number]
        tried = [*(trial.settings for trial in self.trials), *others]
        for redraw in range(REDRAWS):
            settings = suggest(self.space, self.trials, seed_for(self.task.seed, "search", number, redraw))
            if settings not in tried:
                return WarmStart(run="sampled", settings=settings)
        return None

    def _tried(self, suggested: WarmStart) -> SearchTrial:
        """What became of the settings.

        Those that the task does not allow are a failed trial, unless they are the default's; so are those whose training breaks
        down while its cost is measured.
        """
        try:
            return self._if_affordable(plan_with(self.study.plan, suggested.settings), suggested)
        except (DataError, PlanError, TrainingError) as error:
            if not self.trials and not isinstance(error, TrainingError):
                raise
            return SearchTrial(settings=suggested.settings, origin=suggested.run, outcome="failed", reason=str(error))

    def _if_affordable(self, plan: Plan, suggested: WarmStart) -> SearchTrial:
        """The trial; one that cannot finish in time is not begun."""
        if self.minutes is not None:
            cost = MARGIN * seconds_of_cross_validation(candidate_of(plan), self.task, backbone_of(plan), self.steps)
            if cost > self.left_seconds:
                reason = f"its folds would take {cost:.0f} s, and {self.left_seconds:.0f} s are left"
                return SearchTrial(settings=suggested.settings, origin=suggested.run, outcome="too costly", reason=reason)
        inputs = {"study": self.study.content_fingerprint(), "settings": suggested.settings}
        with stage(f"trial {len(self.trials)}"), training_of(f"trial {len(self.trials)}"):
            return self.steps.run("trial", inputs, SearchTrial, lambda _: self._fold_by_fold(plan, suggested))

    def _fold_by_fold(self, plan: Plan, suggested: WarmStart) -> SearchTrial:
        """The trial, given up on the fold where it is worse than the best so far beyond noise."""
        best, losses = self.best, []
        for num_folds in range(1, len(self.task.folds) + 1):
            validated = cross_validated_plan(self.task, plan, self.steps, num_folds)
            result, outcome, reason = validated.result, "finished", ""
            if validated.predictions is None or result.log_loss is None:
                outcome, reason = "failed", result.reason
                break
            losses.append(result.log_loss.value)
            behind = advantage(side_of(best), side_of(validated)) if best else 0.0
            if behind > ONE_SIDED_95 and num_folds < len(self.task.folds):
                outcome, reason = "pruned", f"{behind:.1f} standard errors behind the best after {num_folds} folds"
                drop_folds(self.task, candidate_of(plan), backbone_of(plan), self.steps)
                break
        about = {"settings": suggested.settings, "origin": suggested.run, "outcome": outcome, "reason": reason}
        return SearchTrial(**about, log_losses=tuple(losses), seconds=result.seconds)

    @property
    def best_number(self) -> int | None:
        """The finished trial with the lowest log loss; None where none was finished."""
        finished = [number for number, trial in enumerate(self.trials) if trial.outcome == "finished"]
        return min(finished, key=lambda number: self.trials[number].log_losses[-1], default=None)

    @property
    def best(self) -> CrossValidated | None:
        """That trial's out-of-fold predictions."""
        number = self.best_number
        if number is None:
            return None
        return cross_validated_plan(self.task, plan_with(self.study.plan, self.trials[number].settings), self.steps)

    def found(self) -> Found:
        """Whether the best trial is better than the default beyond noise, and the plan to fit."""
        number, best = self.best_number, self.best
        if number is None or best is None:
            raise PlanError(f"None of {len(self.trials)} trials was finished. {self.trials[0].reason}")
        default = cross_validated_plan(self.task, self.study.plan, self.steps)
        plan = plan_with(self.study.plan, self.trials[number].settings)
        facts = {"trials": tuple(self.trials), "best": number}
        if number == 0:
            why = "it was the best" if self._num_compared else "no other one was fitted"
            return Found(**facts, plan=_calibrated(self.study.plan, default), sentence=self._stands(why))
        if default.predictions is None:
            broke = f"the default broke down ({default.result.reason})"
            return Found(
                **facts, plan=_against_default(_calibrated(plan, best), broke), sentence=f"Trial {number} is the best; {broke}"
            )
        comparison = compared(side_of(best), side_of(default), self.task.seed)
        gains = f"trial {number} ({named(changes_between(self.study.plan, plan))}): {measured(comparison)}"
        facts["comparison"] = comparison
        if not significant_at(comparison, level_of_best(self._num_compared)):
            why = f"{gains}; such a log loss is within the noise that the best of {self._num_compared} meets"
        elif comparison.accuracy_gain.value < 0:
            why = f"{gains}, less often right"
        else:
            chosen = _against_default(_calibrated(plan, best, f"search, {gains}"), f"worse than {gains}")
            return Found(**facts, plan=chosen, sentence=f"Better than the default: {gains}. {CHOSEN_ON_THEM}")
        return Found(**facts, plan=_calibrated(self.study.plan, default), sentence=self._stands(why))

    @property
    def _num_compared(self) -> int:
        """Trials that were compared with the default, on some folds or on all."""
        return sum(trial.outcome in ("finished", "pruned") for trial in self.trials[1:])

    def _stands(self, why: str) -> str:
        return f"The default stands after {len(self.trials)} trials: {why}."


def search(
    task: Task,
    plan: Plan,
    folder: Path,
    *,
    minutes: float | None = None,
    trials: int | None = None,
    at_once: int | None = None,
    fixed: Sequence[str] = (),
    past: Sequence[tuple[str, TaskSummary, Plan]] = (),
    shared: Path | None = None,
) -> Found:
    """The plan with the best settings that were found, if they are better than its own beyond noise, with all trials.

    Trial 0 is the plan itself, trained to the end of its schedule where time had ended it; then come settings that earlier runs
    (their folders, tasks and plans) chose on similar tasks, then suggested ones, `USUAL_TRIALS` where neither minutes nor trials
    are given. Every trial is cross-validated fold by fold; test labels are never read. The best of many trials looks better than
    it is on the rows that chose it, so that the level of its paired test against the default counts the trials (see
    `multiple_comparisons`), and it must not be right less often. Killed at any time and started again, the search goes on:
    finished trials and folds are read. Settings that keep the plan's value are `fixed`, by dotted name; in `shared`, runs leave
    finished folds for one another. Where works run elsewhere, `at_once` settings are suggested together, usually as many as keep
    all workers busy; one process with the same number suggests the same. `headstart.search` lists what is refused.
    """
    check_optuna()
    check_budget(minutes, trials)
    check_folds(task)
    plan = to_its_end(task, plan)
    check_contamination(task, plan.networks)
    check_needs(method_from(plan.method, "method"), task, backbone_of(plan))
    space = space_of(plan, fixed)
    if not space and fixed:
        raise PlanError(f"{plan.method['kind']}: what could be searched is fixed at {', '.join(fixed)}. Leave one of them out.")
    if not space:
        raise PlanError(f"{plan.method['kind']} has no setting to search. `headstart methods` lists methods that have.")
    warm_starts = warm_starts_from(past, task.summary(), plan, space)
    study = _claimed(
        folder, Study(task_fingerprint=task.fingerprint, plan=plan, fixed=tuple(sorted(fixed)), warm_starts=warm_starts)
    )
    most = trials or (USUAL_TRIALS if minutes is None else float("inf"))
    searching = Search(task, study, Steps(folder / "steps", shared), minutes, most, at_once or usual_at_once(task))
    note(searching.announcement())
    searching.run()
    searching.recall()
    found = searching.found()
    write_atomically(folder / "plan.toml", found.plan.to_sealed_toml())
    write_atomically(folder / "found.json", found.to_json())
    return found


def usual_at_once(task: Task) -> int:
    """As many trials as keep all workers busy with their folds."""
    return max(1, executor().num_workers // len(task.folds)) if executor().is_remote else 1


def check_budget(minutes: float | None, trials: int | None = None) -> None:
    """Refuse a budget, None for none, that is not positive, with a `PlanError`."""
    if minutes is not None and not minutes > 0:
        raise PlanError(f"minutes = {minutes:g} is no budget. Give a positive number.")
    if trials is not None and trials < 1:
        raise PlanError(f"trials = {trials} leaves nothing to try. Give 1 or more.")


def check_folds(task: Task) -> None:
    """Refuse a task without folds, with a `DataError`: nothing can be held out and compared."""
    if not task.folds:
        raise DataError(f"{task.why_no_folds}, so that nothing can be held out and no comparison made. {task.what_allows_folds}")


def _claimed(folder: Path, study: Study) -> Study:
    """The folder's study: the one that lies there, if it is about the same, else this one, written down."""
    path = folder / "study.json"
    if folder.exists() and not folder.is_dir():
        raise PlanError(f"{folder} is a file. Give another --out.")
    if holds_anything(folder) and not path.exists():
        raise PlanError(f"{folder} holds something else than a search. Give another --out, or delete it.")
    sweep(folder, below=True)
    if not path.exists():
        write_atomically(path, study.to_json())
        return study
    there = Study.read(path)
    if (there.task_fingerprint, there.plan, there.fixed) != (study.task_fingerprint, study.plan, study.fixed):
        raise PlanError(
            f"{folder} holds a study of another task or plan, or of data that changed since. Give another --out, or delete it."
        )
    return there


def _against_default(plan: Plan, why: str) -> Plan:
    """The plan that was chosen against the default, which it names, so that whoever judges it by the same images can tell."""
    return plan.model_copy(update={"rejected": (*plan.rejected, Rejected(candidate="the default settings", reason=why))})


def _calibrated(plan: Plan, validated: CrossValidated, *reasons: str) -> Plan:
    """The plan with the temperature and shares that were fitted out of fold, and further reasons."""
    return plan.model_copy(update={**validated.calibration, "reasons": (*plan.reasons, *reasons)})
