"""Candidate fitting: each method fitted from source to target and back, with its predictions kept on disk."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.arrays import read_arrays, write_arrays
from headstart.core.curves import training_of
from headstart.core.errors import DataError, HeadstartError, PlanError, TrainingError
from headstart.core.executing import Resources, Work, executor
from headstart.core.progress import stage
from headstart.core.records import Record, fingerprint_of
from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError, stop_if_asked
from headstart.core.types import Floats
from headstart.data.task import Task
from headstart.features.sent_features import SentFeatures, receive, shared_features
from headstart.methods import METHODS
from headstart.methods.base import Method, settings_of, unmet
from headstart.planning.adapting.adaptation import UNADAPTED
from headstart.planning.adapting.domain_pair import DomainPair
from headstart.planning.left_out import LeftOutCandidates, Price
from headstart.shift.projected_domains import SharedProjections
from headstart.training.cost import memory_of_fit
from headstart.training.settings import Training

PROBS, OLD_PROBS = "probs.safetensors", "probs.npz"
"""The file of probabilities in the folder of a step, and that of earlier versions."""
LONG_SECONDS = 60.0
"""A candidate with a longer predicted time is not fitted where no budget was given. Chosen, not measured."""


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
    """A candidate and its predictions.

    Attributes:
        fit: How it was fitted.
        target_probs: Of the target rows of the domain pair, float64 [target, class]; None where it could not be fitted.
        fit_back: Makes `circular_probs`.
    """

    fit: CandidateFit
    target_probs: Floats | None = field(repr=False, default=None)
    fit_back: Callable[[], Floats | None] = field(repr=False, default=lambda: None)

    @property
    def name(self) -> str:
        """The method's kind."""
        return self.fit.kind

    @cached_property
    def circular_probs(self) -> Floats | None:
        """Of the source rows by a fit from the predicted target back to the source, float64 [source, class]; None without one.

        The fit is made when this is read first. It raises a `HeadstartError` or `LinAlgError` if it breaks down.
        """
        return self.fit_back()

    @property
    def is_fitted_back(self) -> bool:
        """Whether `circular_probs` were read."""
        return "circular_probs" in self.__dict__


def methods_for(task: Task, backbone: Backbone, methods: Sequence[str] | None, timed: bool) -> list[Method]:
    """The methods to fit: the unadapted model, closed forms by name, slow ones last, then those with a budget only.

    The order follows `Method.trial_order`. AdaBN is first among those with a budget: it runs the network on every picture twice
    more, takes two thirds of the time of all closed forms, and was best on no pair of domains. What
    trains on the predictions of the chosen closed forms follows, as it gains most; then the other gradient methods by their gain
    over the same training without adaptation (docs/across-domains.md).

    Args:
        task: With a source.
        backbone: What is transferred.
        methods: Kinds that are allowed; None allows every method that needs a source and whose needs are met.
        timed: Whether there is a budget.

    Returns:
        The methods in the order of fitting.

    Raises:
        PlanError: A kind is unknown or needs no source.
    """
    kinds = METHODS.names() if methods is None else list(methods)
    found = {kind: METHODS.get(kind) for kind in kinds}
    for kind, made in found.items():
        if methods is not None and not made.reads_source():
            raise PlanError(f'"{kind}" does not adapt from a source. `headstart methods` lists those that do.')
    able = [made() for made in found.values() if made.reads_source() and "target_labels" not in made.needs]
    usable = [one for one in able if one.kind() != UNADAPTED and not unmet(one, task, backbone)]
    closed = [one for one in usable if one.cost == "closed form" and one.trial_order < 2]
    others = [one for one in usable if one not in closed and (methods is not None or one.trial_order)]
    closed.sort(key=lambda one: one.trial_order)
    others.sort(key=lambda one: one.trial_order or math.inf)
    return [METHODS.get(UNADAPTED)(), *closed, *(others if timed or methods is not None else ())]


@dataclass
class CandidateFitter:
    """Fits candidates within a budget of predicted seconds; those that work on features share their projections.

    Attributes:
        pair: The domains that candidates are fitted to and compared on.
        backbone: What is transferred.
        steps: Where results are kept.
        budget_seconds: Predicted seconds that candidates may take; None for no limit on closed forms.
        training: How gradient methods are trained.
        skip_reason: Why only the unadapted model is fitted, as a part of a sentence; empty where all are.
        shared: What candidates share.
        spent_seconds: Predicted seconds of what was fitted.
        left_out: What was left out for its price or its time.
    """

    pair: DomainPair
    backbone: Backbone
    steps: Steps
    budget_seconds: float | None
    training: Training
    skip_reason: str = ""
    shared: SharedProjections = field(default_factory=SharedProjections, repr=False)
    spent_seconds: float = 0.0
    left_out: LeftOutCandidates = field(default_factory=lambda: LeftOutCandidates(subject="it "))

    def candidate(self, method: Method, choose: Callable[[], tuple[str, ...]] = tuple) -> FittedCandidate:
        """The candidate, fitted now or read from the steps.

        One that fails, would take too long or comes after trying had to end has the reason as its fault. `StoppedError` where
        trying had to end before the unadapted model. `choose` gives the names that a method builds on; it is called if there is
        time for the fit.
        """
        if self.skip_reason and method.kind() != UNADAPTED:
            return _unfitted(method, f"it was not fitted, as {self.skip_reason}")
        needed, account = 0.0, (self.spent_seconds, self.budget_seconds or 0.0)
        try:
            needed = self._predicted_seconds(method)
            left = LONG_SECONDS if self.budget_seconds is None else self.budget_seconds - self.spent_seconds
            if needed > left and method.kind() != UNADAPTED:
                return _unfitted(method, self.left_out.add(method.kind(), Price(needed), *account))
            built = method.built_on(choose()) if method.builds_on_candidates else method
            if built is None:
                return _unfitted(method, "no model that was adapted in closed form is accepted, on which it could build")
            found = self._fitted(built)
        except StoppedError as stopped:
            if method.kind() == UNADAPTED:
                raise
            return _unfitted(method, self.left_out.cut(method.kind(), stopped.reason, Price(needed), *account))
        except TrainingError as error:  # it ended every process that tried it
            return _unfitted(method, str(error))
        self.spent_seconds += needed
        return found

    def _predicted_seconds(self, method: Method) -> float:
        """Predicted seconds of the fit; nothing for closed forms, whose features are there."""
        stop_if_asked("interrupted")  # pricing takes a second: too long for who waits
        return method.predicted_seconds(self.pair.task, self.backbone, self.training)

    def begin(self, methods: Sequence[Method]) -> None:
        """Begin the fits of gradient methods that the budget has room for, where works run elsewhere.

        What builds on candidates begins later, and keeps its share of the budget.
        """
        left = 0.0 if self.skip_reason else math.inf if self.budget_seconds is None else self.budget_seconds
        for method in methods if executor().is_remote else ():
            work = self._work(method)
            if work is not None:
                with suppress(HeadstartError, StoppedError):  # `candidate` says so
                    left -= self._predicted_seconds(method)
                    if left >= 0 and not method.builds_on_candidates:
                        self.steps.begin("adapted", self._inputs(method), CandidateFit, work)

    def _work(self, method: Method) -> Work[CandidateFit] | None:
        """The fit of a gradient method as work; None for closed forms, which share what lies in this process."""
        if method.cost != "gradient":
            return None
        inputs = self._inputs(method)
        pair = executor().shared(
            fingerprint_of(["pair", inputs["task"], inputs["backbone"], inputs["target"]]), lambda: self.pair
        )
        features = shared_features([self.pair.source, self.pair.target] if executor().is_remote else [], self.backbone)
        network = executor().shared(fingerprint_of([inputs["backbone"], self.backbone.engine]), lambda: self.backbone)
        num_rows = len(self.pair.source) + len(self.pair.target)
        resources = Resources(gpus=1.0, memory_bytes=memory_of_fit(self.backbone, num_rows))
        return Work(fit_adapted, (pair, network, features, method, self.training), f"adapting by {method.kind()}", resources)

    def _inputs(self, method: Method) -> dict[str, Any]:
        """Everything that the result of a candidate depends on."""
        return {
            "task": self.pair.task.fingerprint,
            "backbone": self.backbone.identity,
            "target": len(self.pair.target),
            "method": settings_of(method),
            "training": self.training.to_dict(),
        }

    def _fitted(self, method: Method) -> FittedCandidate:
        inputs = self._inputs(method)
        work = self._work(method)
        fit = self.steps.run(
            "adapted", inputs, CandidateFit, work or (lambda folder: self.fitted_into(folder, method)), _has_arrays
        )
        arrays = self._arrays("adapted", inputs)
        if "target" not in arrays:
            return FittedCandidate(fit)
        target, circular = arrays["target"], arrays.get("circular")
        fit_back = (lambda: self._circular_probs(method, inputs, target)) if circular is None else lambda: circular
        return FittedCandidate(fit, target, fit_back)

    def _arrays(self, step: str, inputs: dict[str, Any]) -> dict[str, Floats]:
        """What a step wrote; nothing where it failed."""
        folder = self.steps.folder / self.steps.stem(step, inputs)
        if (folder / PROBS).exists():
            return read_arrays(folder / PROBS)
        if not (folder / OLD_PROBS).exists():
            return {}
        with np.load(folder / OLD_PROBS, allow_pickle=False) as arrays:
            return dict(arrays)

    def fitted_into(self, folder: Path, method: Method) -> CandidateFit:
        """Fit a candidate and write its probabilities into a folder; what breaks down is its fault."""
        begun = time.perf_counter()
        fault = ""
        stop_if_asked()
        try:
            with stage(f"adapting by {method.kind()}"), training_of(method.kind()):
                _write(folder, self._probs(method, folder))
        except (HeadstartError, np.linalg.LinAlgError) as error:
            fault = str(error)
        seconds = time.perf_counter() - begun
        return CandidateFit(kind=method.kind(), method=settings_of(method), fault=fault, seconds=seconds)

    def _probs(self, method: Method, folder: Path) -> dict[str, Floats]:
        """Probabilities of target rows and, where the method changed the network, of source rows by a fit back."""
        pair = self.pair
        model = method.fit_sharing(self.shared, pair.task, self.backbone, self.training, folder)
        arrays = {"target": model.predict(pair.target).probs}
        if not np.isfinite(arrays["target"]).all():
            raise DataError("its probabilities are not finite numbers")
        if model.backbone is not self.backbone and _may_fit_back(arrays["target"]):
            arrays["circular"] = self._fitted_back(method, model.backbone.network, arrays["target"])
        return arrays

    def _circular_probs(self, method: Method, inputs: dict[str, Any], probs: Floats) -> Floats | None:
        """Probabilities of source rows by a fit back, made now or read from the steps; None where none can be made."""
        if not _may_fit_back(probs):
            return None

        def make(folder: Path) -> CandidateFit:
            begun = time.perf_counter()
            with stage(f"validating {method.kind()}"):
                _write(folder, {"circular": self._fitted_back(method, self.backbone, probs)})
            seconds = time.perf_counter() - begun
            return CandidateFit(kind=method.kind(), method=settings_of(method), fault="", seconds=seconds)

        self.steps.run("circular", inputs, CandidateFit, make, _has_arrays)
        return self._arrays("circular", inputs)["circular"]

    def _fitted_back(self, method: Method, backbone: Backbone, probs: Floats) -> Floats:
        """Probabilities of source rows by a fit to target rows with their predicted classes as labels."""
        pair = self.pair
        back = replace(pair.target.labeled_as(probs.argmax(axis=1)), domains=("target",) * len(pair.target))
        back = back.with_content_keys(pair.target.content_keys)
        unlabeled = replace(pair.source.without_labels(), domains=()).with_content_keys(pair.source.content_keys)
        reverse = replace(pair.task, source=back, unlabeled=unlabeled, test=None)
        way = method if method.cost == "closed form" else METHODS.get(UNADAPTED)()
        return_model = way.fit_sharing(self.shared, reverse, backbone, self.training)
        return return_model.predict(pair.source.without_labels()).probs


def fit_adapted(
    folder: Path, pair: DomainPair, backbone: Backbone, sent: SentFeatures | None, method: Method, training: Training
) -> CandidateFit:
    """As `CandidateFitter.fitted_into`, of a method that shares nothing with others."""
    receive(sent, backbone)
    return CandidateFitter(pair, backbone, Steps(folder), None, training).fitted_into(folder, method)


def _unfitted(method: Method, fault: str) -> FittedCandidate:
    return FittedCandidate(CandidateFit(kind=method.kind(), method=settings_of(method), fault=fault, seconds=0.0))


def _has_arrays(fit: CandidateFit, folder: Path) -> bool:
    """Whether the probabilities of a fit that did not break down are there."""
    return bool(fit.fault) or any((folder / name).exists() for name in (PROBS, OLD_PROBS))


def _may_fit_back(probs: Floats) -> bool:
    """Whether target probabilities can be fitted to: they name two classes."""
    return len(np.unique(probs.argmax(axis=1))) > 1


def _write(folder: Path, arrays: dict[str, Floats]) -> None:
    write_arrays(folder / PROBS, arrays)
