"""Plans that a person writes: read from a file or named by options, then changed by settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.backbones.catalog import card_of, provider_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.pretrained import AnyWeights, Name, name_of
from headstart.core.errors import DamagedError, DataError, PlanError, did_you_mean
from headstart.core.parsing import is_changed, toml_from, toml_in
from headstart.core.progress import note
from headstart.data.task import Task
from headstart.methods import METHODS, is_removed, method_from
from headstart.methods.base import settings_of
from headstart.planning.fitting import task_as_planned, task_of_plan
from headstart.planning.plan import Plan, is_gradient
from headstart.training.budget import scratch_training
from headstart.training.settings import Training
from headstart.workflows.arguments import Data, Domains, Places, reading_of, task_from

DEFAULT_PRETRAINED = "efficientnet_lite0"


def plan_and_task(
    data: Data | Plan,
    plan: Plan | str | Path | None = None,
    *,
    method: str | None = None,
    pretrained: Name | None = None,
    weights: AnyWeights = "pretrained",
    settings: dict[str, Any] | None = None,
    source: Places = (),
    target_domain: Domains = (),
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
) -> tuple[Task, Plan]:
    """The task and the plan that a plan, its file, or data with options describe; see `headstart.fit`."""
    settings, plan = settings or {}, data if plan is None and isinstance(data, Plan) else plan
    from_file = plan is None and isinstance(data, str | Path) and Path(data).suffix.lower() == ".toml"
    if plan is not None or from_file:
        other = None if isinstance(data, Task) else seed
        how_read = {"source": source, "target-domain": target_domain, "seed": other, "per-class": per_class, "test": test}
        _check_nothing_beside(str(data) if from_file else "The plan", bool(method or pretrained), how_read)
    if from_file:
        plan = plan_from_file(Path(data), settings)  # type: ignore[arg-type]
    elif plan is not None:
        plan = _given(plan, data, settings)
    if plan is not None and isinstance(data, Task):
        return task_as_planned(plan, data), _about(plan, data, seed)
    if plan is not None:
        return task_of_plan(plan), plan
    reading = reading_of(data, source, target_domain, seed, per_class, test)
    method = _method_of(method, reading.place)
    METHODS.get(method)
    card = None if pretrained is None else name_of(pretrained)
    unread = Plan(data=reading.place, pretrained=card or DEFAULT_PRETRAINED, input_pixels=1, method={"kind": method})
    changed(unread, settings)  # what is wrong is said before any image is read
    task = task_from(data, reading)
    origin = {name: getattr(reading, name) for name in ("per_class", "sources", "target_domains", "leave_domain_out")}
    return task, plan_by_hand(task, method, card, str(weights), settings, origin)


def _method_of(method: str | None, place: str) -> str:
    """The method that was named; `PlanError` where none was, which says how to name one for the place, or for data in memory."""
    if method is not None:
        return method
    if not place:
        raise PlanError(
            'The data are in memory, and no method is named. Give method="ridge" or another; headstart.run decides by itself.'
        )
    raise PlanError(f"{place} is data, so --method KIND is needed. `headstart run {place}` decides by itself.")


def _about(plan: Plan, task: Task, asked: int | None) -> Plan:
    """The plan for that task, whatever it was made for; a task from no place leaves the place that the plan names.

    A seed that was asked for is to be the task's own.
    """
    reading = reading_of(task, seed=asked)
    names = ("sources", "target_domains", "seed", "per_class", "leave_domain_out")
    origin = {"data": reading.place, **{name: getattr(reading, name) for name in names}}
    return plan.model_copy(update={**(origin if reading.place else {}), "test": reading.test})


def _check_nothing_beside(named: str, chosen: bool, how_read: dict[str, Any]) -> None:
    """Refuse options beside a plan that it answers itself: the method or model, or how its data are read."""
    if chosen:
        raise PlanError(f"{named} names its own method and model. Change them with --set method.kind=... instead.")
    given = next((name for name, value in how_read.items() if value is not None and value != ()), None)
    if given:
        raise PlanError(f"{named} names its own data, method and model. Leave out --{given}.")


def _given(plan: Plan | str | Path, data: Data | Plan, settings: dict[str, Any]) -> Plan:
    """A plan or the plan in a file, changed by settings; it is for `data` where that is a path."""
    if isinstance(plan, str | Path):
        plan = plan_from_file(Path(plan), settings)
    elif settings:
        plan = changed(plan, settings)
    return plan.model_copy(update={"data": str(data)}) if isinstance(data, str | Path) else plan


def plan_from_file(path: Path, settings: dict[str, Any]) -> Plan:
    """The plan in a TOML file, with some fields set by dotted name."""
    try:
        values = toml_in(path)
        edited = is_changed(path, values)
    except (OSError, DamagedError) as error:
        reason = error.reason if isinstance(error, DamagedError) else error.strerror
        raise DataError(f"{path}: cannot be read ({reason}). `headstart decide DATA -o {path}` writes a plan.") from None
    if edited:
        note(f"{path} was changed since headstart wrote it, and is read as it is now.")
    plan = Plan.from_dict(values, str(path)) if _replaces_removed(values.get("method"), settings) else _checked(values, str(path))
    return changed(plan, settings) if settings else plan


def plan_by_hand(
    task: Task, kind: str, pretrained: str | None, weights: str, settings: dict[str, Any], origin: dict[str, Any] | None = None
) -> Plan:
    """The plan that options describe; `origin` says how the task was read."""
    pretrained = pretrained or ("embeddings" if task.train.images.embedded else DEFAULT_PRETRAINED)
    card = card_of(pretrained)
    pixels = input_pixels_for(card, task)
    trained = is_gradient({"kind": kind}) and (weights == "none" or provider_of(card).trainable_only)
    plan = Plan(
        data=task.place,
        seed=task.seed,
        test=task.test_share,
        pretrained=pretrained,
        weights=weights,
        input_pixels=pixels,
        method={"kind": kind},
        **(origin or {}),
        training=scratch_training(len(task.labeled), pixels, task.seed) if trained else Training(seed=task.seed),
    )
    return changed(plan, settings)


def changed(plan: Plan, settings: dict[str, Any]) -> Plan:
    """The plan with those fields set: "training.lr", "method.blocks", a field of the plan, or a hyper-parameter of the method.

    Values are given as they are or as TOML text. What was said of the models of another method goes. A PlanError says what does
    not exist, is out of range or changes nothing. Where another method takes the place of a removed one, hyper-parameters of the
    removed one go, too.
    """
    values = plan.to_dict()
    if _replaces_removed(plan.method, settings):
        values["method"] = {"kind": plan.method["kind"]}
    for key, text in settings.items():
        *parents, last = key.split(".")
        if parents not in ([], ["training"], ["method"]):
            raise PlanError(f"--set {key}: no such part of a plan.{did_you_mean(parents[0], ('training', 'method'))}")
        inside = values[parents[0]] if parents else values if last in values else values["method"]
        inside[last] = _value(text)
    before, plan = plan, _checked(values, "--set")
    plan = plan.model_copy(update={name: value for name, value in plan.no_longer_said(before).items() if name not in settings})
    idle = [key for key in settings if key.startswith("training.") and key != "training.seed"]
    if idle and METHODS.get(plan.method["kind"]).cost == "closed form":
        raise PlanError(f"--set {idle[0]} has no effect: {plan.method['kind']} is a closed form. Leave it out.")
    return plan


def _replaces_removed(method: Any, settings: dict[str, Any]) -> bool:
    """Whether settings name a method in the place of one that was removed."""
    named = not settings.keys().isdisjoint({"kind", "method.kind"})
    return named and isinstance(method, dict) and is_removed(str(method.get("kind")))


def _checked(values: dict[str, Any], where: str) -> Plan:
    """The plan with those values; whatever is wrong with any of them is said at once."""
    problems, method = [], values.get("method")
    try:
        Plan.from_dict(values, where)
    except PlanError as error:
        problems.append(str(error).removeprefix(f"{where}: "))
    try:
        method = settings_of(method_from(method, "method")) if isinstance(method, dict) else method
    except PlanError as error:
        text = str(error)
        problems.append(f"method.kind = {text}" if text.startswith('"') else text.removeprefix("method: "))
    if problems:
        raise PlanError(f"{where}: {' '.join(problems)}")
    card_of(str(values["pretrained"]))
    return Plan.from_dict({**values, "method": method}, where)


def _value(text: Any) -> Any:
    """The text as TOML understands it, or the text itself: 0.1, true and [1, 2], but also sgd."""
    if not isinstance(text, str):
        return text
    try:
        return toml_from(f"value = {text}", "--set")["value"]
    except PlanError:
        return text
