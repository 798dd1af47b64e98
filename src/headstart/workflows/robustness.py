"""Robustness: a plan in the form that is to stand pictures that get worse, judged by corruptions that it has not learned from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from headstart.core.errors import PlanError
from headstart.core.records import write_atomically
from headstart.data.corruptions import CORRUPTIONS
from headstart.data.corruptions.base import FAMILIES, Family
from headstart.evaluation.stress import RobustAlternative, keys_of, paired_gains, points_of
from headstart.methods import METHODS, method_from
from headstart.methods.base import settings_of
from headstart.planning.fitting import candidate_of
from headstart.planning.plan import Member, Plan
from headstart.runs.run import Run
from headstart.runs.workspace import Workspace
from headstart.workflows.arguments import Data
from headstart.workflows.corrupted_pictures import Cache, pictures_of, rows_of

ROBUST_PLAN = "robust_plan.toml"
M = TypeVar("M", bound=Member)


def robust_plan(plan: Plan, families: tuple[Family, ...] = FAMILIES) -> Plan:
    """The plan whose methods have the form that is to stand pictures that get worse, learning from those families at most.

    What is said of the model before, such as the verdict, is left out. `PlanError` where no method of the plan has such a form.
    """
    robust = _robust_member(plan, families)
    partners = tuple(_robust_member(one, families) for one in plan.partners)
    if (robust.method, partners) == (plan.method, plan.partners):
        kinds = " and ".join(dict.fromkeys(str(one.method["kind"]) for one in (plan, *plan.partners)))
        raise PlanError(
            f"{kinds}: no more robust form of it is known. Leave out --robust, or fit the plan with ridge or fine_tune."
        )
    return robust.model_copy(update={"partners": partners, "verdict": "", "reasons": (), "rejected": ()})


def _robust_member(member: M, families: tuple[Family, ...]) -> M:
    """A member with the robust form of its method; as it is where there is none, or nothing was transferred."""
    removed = member.method["kind"] not in METHODS.names()
    robust = None if removed or member.weights == "none" else method_from(member.method).robust(families)
    if robust is None:
        return member
    method = _settings(member.method, settings_of(robust))
    of_the_old = {"temperature": None, "fold_models": None} if method["kind"] != member.method["kind"] else {}
    return member.model_copy(update={"method": method, **of_the_old})


def _settings(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The settings of the robust form; those that a plan left at their default stay so where the method is the same."""
    if before["kind"] != after["kind"]:
        return after
    default = settings_of(METHODS.get(str(after["kind"]))())
    return {name: value for name, value in after.items() if name in before or default.get(name) != value}


def robust_alternative(run: Run, data: Data | None, names: tuple[str, ...], cache: Cache) -> RobustAlternative:
    """The robust form of a run's plan beside it, on the same images; its plan is written where it does better beyond chance.

    Each corruption is predicted by models that learned from the other families alone, so that what is found holds for what nobody
    thought of; pictures as they are by models that learned from all families. The run's test images choose nothing: its labeled
    images do, out of fold.

    Args:
        run: The run.
        data: Other labeled images than the run's own.
        names: The corruptions.
        cache: Where results are kept.

    Returns:
        The gains with their intervals, of a paired bootstrap over the images.

    Raises:
        PlanError: No method of the plan has a more robust form.
    """
    whole = robust_plan(run.plan)
    basis = pictures_of(run, data, cache, sealed=True)
    rows = rows_of(basis, names, cache)
    others = rows_of(pictures_of(run, data, cache, whole, sealed=True), (), cache)
    for family in FAMILIES:
        own = tuple(name for name in names if CORRUPTIONS.get(name).family == family)
        if own:
            plan = robust_plan(run.plan, tuple(one for one in FAMILIES if one != family))
            found = rows_of(pictures_of(run, data, cache, plan, sealed=True), own, cache)
            others |= {condition: row for condition, row in found.items() if condition[0] in own}
    every = np.arange(len(keys_of(basis.models)))
    pairs = {condition: (folder, others[condition][1]) for condition, (_, folder) in rows.items()}
    clean, gain, count = paired_gains(str(run.folder), pairs, (every, every))
    name = candidate_of(whole).name
    told = f"{name}: {points_of(gain)} of accuracy where pictures get worse in ways that it has not learned from"
    sentence = f"{told}, and {points_of(clean)} on pictures as they are, on {count:,} images."
    if gain.low <= 0:
        return RobustAlternative(candidate=name, clean=clean, corrupted=gain, sentence=f"{sentence} That is not beyond chance.")
    write_atomically(run.folder / ROBUST_PLAN, whole.to_sealed_toml())
    Workspace(run.folder).vouch_for(ROBUST_PLAN)
    offer = f"Fit it: headstart fit {Path(run.folder) / ROBUST_PLAN}."
    return RobustAlternative(candidate=name, clean=clean, corrupted=gain, plan=ROBUST_PLAN, sentence=f"{sentence} {offer}")
