"""Trying: candidates fitted forwards and backwards, what they say kept on disk."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError, HeadstartError, PlanError
from headstart.core.progress import stage
from headstart.core.records import Record, write_atomically
from headstart.core.steps import Steps
from headstart.core.types import Floats
from headstart.data.task import Task
from headstart.methods import METHODS, method_from
from headstart.methods.base import Method, settings_of, unmet
from headstart.methods.model import Model
from headstart.planning.adapting.adaptation import UNADAPTED
from headstart.planning.adapting.domain_pair import DomainPair
from headstart.training.settings import Training

IN_TURN = ("ada_bn", "mcc", "shot", "deep_coral", "cdan", "dann", "mdd")
"""What is tried in this order while there is time, and not without a budget. AdaBN looks at every picture anew, twice: two thirds
of the time of all closed forms together, and best on no pair of domains that was tried. Then gradient methods by the averages
that TLlib reports for Office-Home: MCC 72.4, MDD 69.7, CDAN 68.8, DANN 65.2, unadapted 58.4; SHOT needs the source only at first,
DeepCORAL is stable."""
COSTLY = frozenset({"class_transport", "jdot", "kliep"})
"""Closed forms that iterate, five to twenty times as long as others: they come after them, so that a budget ends with them."""
LONG_SECONDS = 60.0
"""What foretells a longer time than this is not tried where no budget was given."""


class CandidateFit(Record):
    """One candidate's fit.

    Attributes:
        kind: The method.
        method: Its settings.
        fault: Why it could not be fitted; empty where it was.
        seconds: Time spent.
    """

    kind: str
    method: dict[str, Any]
    fault: str
    seconds: float


@dataclass(frozen=True)
class FittedCandidate:
    """A candidate and what it says.

    Attributes:
        tried: What was fitted.
        target_probs: Of the target rows that are looked at, float64 [target, class]; None where it could not be fitted.
        circular_probs: What the fit in the opposite direction says of source rows; None where none was made, as where other class
            shares explain the target.
        held_probs: Of held-out source rows, where the candidate can be asked about the source; None for others.
    """

    tried: CandidateFit
    target_probs: Floats | None = field(repr=False, default=None)
    circular_probs: Floats | None = field(repr=False, default=None)
    held_probs: Floats | None = field(repr=False, default=None)

    @property
    def name(self) -> str:
        """The method's kind."""
        return self.tried.kind


def methods_for(task: Task, backbone: Backbone, methods: Sequence[str] | None, timed: bool) -> list[Method]:
    """What is tried, the unadapted model first.

    Args:
        task: With a source.
        backbone: What is transferred.
        methods: Kinds that are allowed; None allows every method that needs a source and whose needs are met.
        timed: Whether there is a budget, so that those of `IN_TURN` may be tried.

    Returns:
        The methods: closed forms by name, costly ones last, then those of `IN_TURN`, then others that were asked for.

    Raises:
        PlanError: A kind is unknown or needs no source.
    """
    kinds = METHODS.names() if methods is None else list(methods)
    found = {kind: METHODS.get(kind) for kind in kinds}
    for kind, made in found.items():
        if methods is not None and "source" not in made.needs:
            raise PlanError(f'"{kind}" does not adapt from a source. `headstart methods` lists those that do.')
    able = [made() for made in found.values() if "source" in made.needs and "target_labels" not in made.needs]
    usable = [one for one in able if not unmet(one, task, backbone)]
    wanted = [one for one in usable if one.kind() != UNADAPTED]
    closed = [one for one in wanted if one.cost == "closed form" and one.kind() not in IN_TURN]
    closed.sort(key=lambda one: one.kind() in COSTLY)
    others = [one for one in wanted if one not in closed and (methods is not None or one.kind() in IN_TURN)]
    others.sort(key=lambda one: IN_TURN.index(one.kind()) if one.kind() in IN_TURN else len(IN_TURN))
    return [METHODS.get(UNADAPTED)(), *closed, *(others if timed or methods is not None else ())]


class CandidateFitter:
    """Fits candidates within a budget.

    Args:
        scene: What they are judged on.
        backbone: What is transferred.
        steps: Where results are kept.
        seconds: Time there is; None for no limit on closed forms.
        training: How those by gradient are trained.
        needless: Why nothing but the unadapted model is fitted, as a part of a sentence; empty where others are.
    """

    def __init__(
        self,
        scene: DomainPair,
        backbone: Backbone,
        steps: Steps,
        seconds: float | None,
        training: Training,
        *,
        needless: str = "",
    ) -> None:
        self.scene = scene
        self.backbone = backbone
        self.steps = steps
        self.ends = None if seconds is None else time.monotonic() + seconds
        self.training = training
        self.needless = needless

    def candidate(self, method: Method) -> FittedCandidate:
        """The candidate, fitted now or read from the steps; one that fails or would take too long has its reason as fault."""
        untried = self._untried(method)
        if untried:
            return FittedCandidate(CandidateFit(kind=method.kind(), method=settings_of(method), fault=untried, seconds=0.0))
        inputs = self._inputs(method)
        tried = self.steps.run("adapted", inputs, CandidateFit, lambda folder: self._tried(method, folder))
        found = _arrays(self.steps.folder / self.steps.stem("adapted", inputs) / "probs.npz")
        return FittedCandidate(tried, found.get("target"), found.get("circular"), found.get("held"))

    def model(self, settings: dict[str, Any], task: Task) -> Model:
        """The model of a method, fitted to a task."""
        return method_from(settings).fit(task, self.backbone, self.training)

    def _inputs(self, method: Method) -> dict[str, Any]:
        return {
            "task": self.scene.task.fingerprint,
            "backbone": self.backbone.identity,
            "target": len(self.scene.target),
            "method": settings_of(method),
            "training": self.training.to_dict(),
        }

    def _untried(self, method: Method) -> str:
        if method.kind() == UNADAPTED:
            return ""
        if self.needless:
            return f"it was not tried, as {self.needless}"
        left = LONG_SECONDS if self.ends is None else self.ends - time.monotonic()
        if left <= 0:
            return "no time was left"
        needed = method.predicted_seconds(self.scene.task, self.backbone, self.training)
        return f"it would take {needed:.0f} s, and {left:.0f} s were left for it; give --minutes more" if needed > left else ""

    def _tried(self, method: Method, folder: Path) -> CandidateFit:
        begun = time.perf_counter()
        made = {"kind": method.kind(), "method": settings_of(method)}
        try:
            with stage(f"adapting by {method.kind()}"):
                arrays = self._fitted(method, folder)
        except (HeadstartError, np.linalg.LinAlgError) as error:
            return CandidateFit(**made, fault=str(error), seconds=time.perf_counter() - begun)
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        write_atomically(folder / "probs.npz", stream.getvalue())
        return CandidateFit(**made, fault="", seconds=time.perf_counter() - begun)

    def _fitted(self, method: Method, folder: Path) -> dict[str, Floats]:
        scene = self.scene
        model = method.fit(scene.task, self.backbone, self.training, folder)
        arrays = {"target": model.predict(scene.target).probs}
        if not np.isfinite(arrays["target"]).all():
            raise DataError("its probabilities are not finite numbers")
        if method.kind() == UNADAPTED:
            arrays["held"] = scene.held_probs
        predicted = arrays["target"].argmax(axis=1)
        if len(np.unique(predicted)) < 2 or scene.shift.kind == "labels":
            return arrays
        back = replace(scene.target.labeled_as(predicted), domains=("target",) * len(scene.target))
        reverse = replace(scene.task, source=back, unlabeled=replace(scene.source.without_labels(), domains=()), test=None)
        way = method if method.cost == "closed form" else METHODS.get(UNADAPTED)()
        return_model = way.fit(reverse, model.backbone, self.training)
        return arrays | {"circular": return_model.predict(scene.source.without_labels()).probs}


def _arrays(path: Path) -> dict[str, Floats]:
    if not path.exists():
        return {}
    with np.load(path) as kept:
        return {name: kept[name] for name in kept.files}
