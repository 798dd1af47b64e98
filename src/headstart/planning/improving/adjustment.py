"""Adjustment: the changes that were tried on a finished run, and their outcomes."""

from __future__ import annotations

from math import ceil
from typing import Any, Literal

from headstart.core.findings import Finding
from headstart.core.records import Record
from headstart.planning.deciding.wording import in_points
from headstart.planning.plan import Plan
from headstart.planning.results import Comparison

EXPLANATIONS = frozenset({"verdict", "reasons", "rejected"})
"""Fields of a plan that say why, not what."""

Outcome = Literal["kept", "no better", "not chosen", "failed", "too costly"]


class Change(Record):
    """One field of a plan, before and after.

    Attributes:
        field: Dotted name, as `--set` takes it.
        before: None where it was absent.
        after: None where it is absent.
    """

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.field} {_written(self.before)} -> {_written(self.after)}"


class Trial(Record):
    """One changed plan, and what became of it.

    Attributes:
        rule: Which rule proposed it.
        reason: What speaks for the change.
        changes: Which fields of the plan it changed.
        outcome: "kept", "no better", "not chosen" (one network, in place of an ensemble), "failed" (a fold broke down) or "too
            costly" for what was left of the budget.
        sentence: The outcome with its numbers.
        comparison: The changed plan against the one before; None unless it was tested.
        seconds: What cross-validating it took.
        may_lose: Of one network in place of an ensemble, the bound of its loss in accuracy.
        multiply_adds: Of such a network, for one image.
    """

    rule: str
    reason: str
    changes: tuple[Change, ...]
    outcome: Outcome
    sentence: str
    comparison: Comparison | None = None
    seconds: float = 0.0
    may_lose: float = 0.0
    multiply_adds: float = 0.0

    @property
    def tested(self) -> bool:
        """Whether it was tested for being better, which makes the next test stricter."""
        return self.comparison is not None and self.outcome != "not chosen"


class Adjustment(Record):
    """Everything that was tried on a run.

    Attributes:
        parent: Folder of the run.
        minutes: The budget; None for a single trial.
        margin: What one network was allowed to lose in accuracy against the ensemble; None where nothing was distilled.
        earlier: Changes that were tested before the plan of the run came about, on the same rows.
        plan: The plan that stands at the end.
        trials: In the order tried.
        advice: What no change of the plan that stands can mend, as far as its fit was examined.
    """

    parent: str
    minutes: float | None
    margin: float | None = None
    earlier: int = 0
    plan: Plan
    trials: tuple[Trial, ...]
    advice: tuple[Finding, ...]

    @property
    def num_tested(self) -> int:
        """Changes tested on the rows so far."""
        return self.earlier + sum(trial.tested for trial in self.trials)

    @property
    def accepted(self) -> tuple[Trial, ...]:
        """The trials that changed the plan."""
        return tuple(trial for trial in self.trials if trial.outcome == "kept")

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if self.margin is not None:
            return self._distilled(self.margin)
        if self.accepted:
            return f"The plan was changed: {'; '.join(named(trial.changes) for trial in self.accepted)}."
        tried = [trial for trial in self.trials if trial.outcome != "too costly"]
        if tried:
            return f"The plan stands: no changed plan was better beyond noise ({len(tried)} tried)."
        if self.trials:
            return "The plan stands: what could be changed takes longer than the budget; give --minutes more."
        return "The plan stands: no rule found anything to change."

    def _distilled(self, margin: float) -> str:
        best = self.trials[0]
        if self.accepted:
            return f"One network takes the place of the ensemble: {best.reason} {best.sentence}."
        if best.comparison is None:
            return f"The ensemble stands: {best.sentence}"
        return (
            f"The ensemble stands: each single network may lose more than {100 * margin:g} points of accuracy. "
            f"--margin {ceil(1000 * best.may_lose) / 1000:g} accepts one: {best.reason}"
        )


def changes_between(before: Plan, after: Plan) -> tuple[Change, ...]:
    """The fields in which two plans differ, but for those that only explain."""
    first, second = _flat(before.to_dict()), _flat(after.to_dict())
    fields = [*first, *(field for field in second if field not in first)]
    return tuple(
        Change(field=field, before=first.get(field), after=second.get(field))
        for field in fields
        if first.get(field) != second.get(field)
    )


def named(changes: tuple[Change, ...]) -> str:
    """The changes in one line."""
    return ", ".join(map(str, changes))


def measured(comparison: Comparison) -> str:
    """What a comparison says, as the end of a sentence."""
    gain = comparison.log_loss_gain
    return (
        f"{in_points(comparison.accuracy_gain)} of accuracy, log loss lower by {gain.value:+.3f} "
        f"[{gain.low:+.3f}, {gain.high:+.3f}] on {comparison.num_rows:,} held-out images"
    )


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if key not in EXPLANATIONS:
            flat |= {f"{key}.{inner}": one for inner, one in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _written(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        entries = [f"{one['method']['kind']} of {one['pretrained']}" if isinstance(one, dict) else _written(one) for one in value]
        return " and ".join(entries) or "none"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
