"""Plans that a person writes: read from a file or named by options, then changed by `--set`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.core.errors import DataError, PlanError, did_you_mean

if TYPE_CHECKING:
    from headstart.data.task import Task
    from headstart.planning.plan import Plan

DEFAULT_PRETRAINED = "efficientnet_lite0"


def plan_from_file(path: Path, settings: dict[str, str]) -> Plan:
    """The plan in a file, with some fields set.

    Args:
        path: A plan in TOML.
        settings: Fields by dotted name.

    Returns:
        The plan.

    Raises:
        DataError: The file cannot be read.
        PlanError: A field does not exist or its value is out of range.
    """
    from headstart.planning.plan import Plan

    try:
        plan = Plan.from_toml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise DataError(f"{path}: cannot be read ({reason}). `headstart decide DATA -o {path}` writes a plan.") from None
    return changed(plan, settings)


def plan_by_hand(task: Task, kind: str, pretrained: str, weights: str, per_class: int | None, settings: dict[str, str]) -> Plan:
    """The plan that options describe.

    Args:
        task: What is to be learned.
        kind: The method.
        pretrained: Name of the card.
        weights: "pretrained", "none" or a file.
        per_class: Goes into the plan.
        settings: Fields by dotted name.

    Returns:
        The plan.

    Raises:
        PlanError: A field does not exist or its value is out of range.
    """
    from headstart.backbones.loading import card_of
    from headstart.planning.inputs import input_pixels_for
    from headstart.planning.plan import Plan
    from headstart.training.settings import Training

    plan = Plan(
        data=task.place,
        seed=task.seed,
        per_class=per_class,
        pretrained=pretrained,
        weights=weights,
        input_pixels=input_pixels_for(card_of(pretrained), task),
        method={"kind": kind},
        training=Training(seed=task.seed),
    )
    return changed(plan, settings)


def changed(plan: Plan, settings: dict[str, str]) -> Plan:
    """The plan with those fields set.

    Args:
        plan: What to change.
        settings: Text by name: "training.lr", "method.blocks", a field of the plan, or a hyper-parameter of the method.

    Returns:
        The plan, its method checked.

    Raises:
        PlanError: A field does not exist or its value is out of range.
    """
    from headstart.methods import method_from
    from headstart.methods.base import settings_of
    from headstart.planning.plan import Plan

    values = plan.to_dict()
    for key, text in settings.items():
        *parents, last = key.split(".")
        if parents not in ([], ["training"], ["method"]):
            raise PlanError(f"--set {key}: no such part of a plan.{did_you_mean(parents[0], ('training', 'method'))}")
        inside = values[parents[0]] if parents else values if last in values else values["method"]
        inside[last] = _value(text)
    fresh = Plan.from_dict(values, "--set" if settings else plan.data)
    return fresh.model_copy(update={"method": settings_of(method_from(fresh.method, "--set" if settings else "plan"))})


def _value(text: str) -> Any:
    """The text as TOML understands it, or the text itself: 0.1, true and [1, 2], but also sgd."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
