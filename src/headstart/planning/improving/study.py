"""Study: what is searched, the trials, and the outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from headstart.core.ranges import Interval, Range, ranges_of
from headstart.core.records import Migration, Record, fingerprint_of, renamed
from headstart.data.summary import TaskSummary
from headstart.methods import METHODS
from headstart.planning.plan import Plan, is_gradient
from headstart.planning.results import Comparison
from headstart.training.settings import Training

Settings: TypeAlias = dict[str, Any]
"""Values by dotted name, as `--set` takes them: "training.lr", "method.depth"."""

MOST_WARM_STARTS = 3
"""Settings of earlier runs to begin with, at most. Chosen, not measured."""


class WarmStart(Record):
    """Settings that a search begins with, and the run that chose them."""

    run: str
    settings: Settings


class Study(Record):
    """What a search is about; a folder holds one study.

    Attributes:
        task_fingerprint: Of the task.
        plan: The default, trial 0.
        fixed: Settings that keep the plan's value, by dotted name.
        warm_starts: Settings of earlier runs, tried after it.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("held", "fixed"), renamed("beginnings", "warm_starts"))
    task_fingerprint: str
    plan: Plan
    fixed: tuple[str, ...] = ()
    warm_starts: tuple[WarmStart, ...] = ()

    def content_fingerprint(self) -> str:
        """By the names of format 1, so that renaming a field loses no trial; one more setting of training still does."""
        values = self.to_dict()
        return fingerprint_of(values | {"held": values.pop("fixed"), "beginnings": values.pop("warm_starts")})


class SearchTrial(Record):
    """One set of settings, and how it did.

    Attributes:
        settings: A value for everything that is searched.
        origin: "default", the folder of an earlier run, or "sampled".
        outcome: "finished", "pruned" (worse than the best beyond noise on the folds so far), "failed" (a fold broke down) or
            "too costly" for what was left of the budget.
        log_losses: Calibrated log loss of all rows held out so far, after each fold.
        seconds: What cross-validating it took.
        reason: Why it was not finished.
    """

    settings: Settings
    origin: str
    outcome: Literal["finished", "pruned", "failed", "too costly"]
    log_losses: tuple[float, ...] = ()
    seconds: float = 0.0
    reason: str = ""


class Found(Record):
    """The outcome of a search.

    Attributes:
        plan: The plan to fit.
        sentence: Whether the default stands, with the numbers.
        trials: In the order tried, and then those of another budget.
        best: Number of the trial with the lowest log loss; None where none was finished.
        comparison: Of the best trial with the default; None where they are the same, or one was not finished.
    """

    plan: Plan
    sentence: str
    trials: tuple[SearchTrial, ...]
    best: int | None
    comparison: Comparison | None = None


def space_of(plan: Plan, fixed: Sequence[str] = ()) -> dict[str, Range]:
    """The ranges that the plan's method and, for gradient methods, `Training` declare, widened to the plan's own values.

    Feature vectors have one block, which leaves no choice of blocks. Fixed settings are left out.
    """
    method = METHODS.get(plan.method["kind"])
    defaults = method().to_dict() | plan.method
    space = {f"method.{name}": found.containing(defaults[name]) for name, found in ranges_of(method).items()}
    if plan.pretrained == "embeddings":
        space.pop("method.blocks", None)
    if is_gradient(plan.method):
        values = plan.training.to_dict()
        marked = ranges_of(Training, marked_only=True)
        space |= {f"training.{name}": found.containing(values[name]) for name, found in marked.items()}
    free = {name: found for name, found in space.items() if name not in fixed}
    return {name: found for name, found in free.items() if isinstance(found, Interval) or len(found.values) > 1}


def settings_in(plan: Plan, space: dict[str, Range]) -> Settings:
    """The plan's values of what is searched."""
    sections = {"method": METHODS.get(plan.method["kind"])().to_dict() | plan.method, "training": plan.training.to_dict()}
    places = {name: name.split(".", 1) for name in space}
    return {name: sections[section][key] for name, (section, key) in places.items()}


def plan_with(plan: Plan, settings: Settings) -> Plan:
    """The plan with those settings, whose temperature no longer holds."""
    values = plan.to_dict() | {"temperature": None}
    for name, value in settings.items():
        part, key = name.split(".", 1)
        values[part][key] = value
    return Plan.from_dict(values, "settings")


def warm_starts_from(
    past: Sequence[tuple[str, TaskSummary, Plan]], summary: TaskSummary, plan: Plan, space: dict[str, Range]
) -> tuple[WarmStart, ...]:
    """Settings that runs with the same method chose on the most similar tasks, nearest first; three at most.

    Settings outside of the space are left out, and those of the default or another warm start. `past` holds folder, task and plan
    of earlier runs.
    """
    same_method = [one for one in past if one[2].method["kind"] == plan.method["kind"]]
    found: list[WarmStart] = []
    known = [settings_in(plan, space)]
    for folder, _, other in sorted(same_method, key=lambda one: distance(one[1], summary)):
        settings = settings_in(other, space)
        if settings not in known and all(space[name].holds(value) for name, value in settings.items()):
            known.append(settings)
            found.append(WarmStart(run=folder, settings=settings))
    return tuple(found[:MOST_WARM_STARTS])


def distance(first: TaskSummary, second: TaskSummary) -> float:
    """How far apart two tasks are: |log2| of the ratios of their numbers of classes, training rows and pixels, added up."""
    pairs = (
        (len(first.classes), len(second.classes)),
        (first.num_train, second.num_train),
        (first.native_pixels, second.native_pixels),
    )
    return sum(abs(math.log2(max(one, 1) / max(other, 1))) for one, other in pairs)
