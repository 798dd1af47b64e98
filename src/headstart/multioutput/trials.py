"""Trials: the candidates for outputs that are tried within a budget, cheap before costly, each on the shared folds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.errors import TrainingError
from headstart.core.progress import note, stage
from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError
from headstart.features.extract import num_missing, seconds_an_image
from headstart.multioutput.candidate import Family, OutputCandidate
from headstart.multioutput.cross_validation import ValidatedOutputs, cross_validated
from headstart.multioutput.fits.network import seconds_of_training
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.records import OutputResult
from headstart.multioutput.task import OutputTask
from headstart.planning.deciding.trained import FEWEST_TO_TRAIN, scratch_network
from headstart.planning.ranking.ranking import Ranking
from headstart.training.budget import fine_tuning_training, scratch_training
from headstart.training.settings import Training

BEHIND = 2.0
"""Standard errors by which the first fold of what is trained may be behind the best so far before it goes no further. Chosen, not
measured."""
SHORTEST = 4
"""A training that does not fit into its share of the budget is shortened to a quarter of its epochs at most."""
FINE_TUNING_LR = 1e-3
"""Half of what classes are fine-tuned with: at 2e-3 the first steps undo the fitted head, and the log loss of a fold of 240
digits with three labels rises from 0.13 to 1.2 before it falls, at 1e-3 to 0.7 (EfficientNet-Lite0, one seed)."""
SCRATCH_SHARE = 0.5
"""Share of what is left of the budget that all folds of the network from scratch may take. Chosen, not measured."""


@dataclass
class OutputTrials:
    """What was tried.

    Attributes:
        task: Images and targets.
        steps: Where finished folds are kept.
        budget_seconds: Predicted seconds that candidates may take.
        weights: "pretrained", or a file for the only network.
        spent_seconds: Predicted seconds of what was tried.
        validated: What was fitted, in the order tried.
        results: Of everything, in the order tried.
    """

    task: OutputTask
    steps: Steps
    budget_seconds: float
    weights: str = "pretrained"
    spent_seconds: float = 0.0
    validated: list[ValidatedOutputs] = field(default_factory=list)
    results: list[OutputResult] = field(default_factory=list)

    @property
    def remaining_seconds(self) -> float:
        """What is left of the budget."""
        return max(0.0, self.budget_seconds - self.spent_seconds)

    def backbone(self, candidate: OutputCandidate) -> Backbone:
        """The candidate's network."""
        return load_backbone(candidate.pretrained, candidate.weights, candidate.input_pixels, self.task.images.seed)

    def candidate(self, family: Family, fit: str, network: str, training: Training | None = None) -> OutputCandidate:
        """A candidate on this task's input size."""
        embedded = self.task.images.train.images.embedded
        blocks = "pixels" if family == "baseline" else "penultimate" if embedded else "stages"
        weights = {"transfer": self.weights, "scratch": "none"}.get(family, "pretrained")
        pixels = input_pixels_for(card_of(network), self.task.images)
        return OutputCandidate(
            family=family, fit=fit, pretrained=network, weights=weights, input_pixels=pixels, blocks=blocks, training=training
        )

    def without_images(self) -> ValidatedOutputs:
        """What is best said without any image."""
        return self._keep(cross_validated(self.task, OutputCandidate(family="chance"), None, self.task.images.folds, self.steps))

    def closed_form(self, candidate: OutputCandidate, *, must: bool = False) -> None:
        """Cross-validate a head on frozen features; it is skipped where the budget has no room for these, unless it must be."""
        backbone = self.backbone(candidate)
        price = seconds_an_image(backbone) * num_missing(self.task.images.labeled, backbone)
        if price > self.remaining_seconds and not must:
            self.skip(candidate, self._too_costly(price), price)
            return
        with stage(candidate.name):
            found = cross_validated(self.task, candidate, backbone, self.task.images.folds, self.steps)
        self.spent_seconds += price
        self._keep(found, price)

    def trained(self, candidate: OutputCandidate, share: float) -> None:
        """Cross-validate what is trained: one fold first, the others where that is not behind and the budget allows it."""
        folds, backbone = self.task.images.folds, self.backbone(candidate)
        price = seconds_of_training(self.task, folds[0].fit, candidate, backbone)
        candidate, price = self._shortened(candidate, price, share * self.remaining_seconds / len(folds))
        if price > self.remaining_seconds:
            self.skip(candidate, self._too_costly(price), price)
            return
        try:
            self._fold_by_fold(candidate, backbone, price)
        except (StoppedError, TrainingError) as error:
            why = "trying was stopped" if isinstance(error, StoppedError) else str(error)
            if not any(one.candidate == candidate for one in self.validated):
                self.results.append(_result(candidate, status="failed", reason=why, predicted_seconds=price))
            if isinstance(error, StoppedError):
                raise

    def _shortened(self, candidate: OutputCandidate, price: float, allowed: float) -> tuple[OutputCandidate, float]:
        """The candidate with as many of its epochs as a fold may take, a quarter of them at least, and the price of a fold."""
        if price <= allowed or candidate.training is None:
            return candidate, price
        whole = candidate.training.epochs
        epochs = max(-(-whole // SHORTEST), int(whole * allowed / price))
        training = candidate.training.model_copy(update={"epochs": epochs})
        return candidate.model_copy(update={"training": training}), price * epochs / whole

    def _fold_by_fold(self, candidate: OutputCandidate, backbone: Backbone, price: float) -> None:
        folds, best = self.task.images.folds, self.best()
        found, reason = None, ""
        for count in range(1, len(folds) + 1):
            if price > self.remaining_seconds and found is not None:
                reason = f"fitted to {count - 1} of {len(folds)} folds: {self._too_costly(price)}"
                break
            with stage(f"{candidate.name}, fold {count} of {len(folds)}"):
                found = cross_validated(self.task, candidate, backbone, folds[:count], self.steps)
            self.spent_seconds += price
            if count < len(folds) and best is not None and self._is_behind(found, best):
                reason = f"behind {best.candidate.name} by more than {BEHIND:g} standard errors on fold {count}"
                break
        if found is not None:
            self._keep(found, price * found.num_folds, reason)

    def _is_behind(self, first: ValidatedOutputs, second: ValidatedOutputs) -> bool:
        _, own, other = np.intersect1d(first.held_out.rows, second.held_out.rows, return_indices=True)
        worse = first.losses(self.task)[own] - second.losses(self.task)[other]
        return bool(worse.mean() > BEHIND * worse.std(ddof=1) / np.sqrt(len(worse)))

    def best(self, *families: Family) -> ValidatedOutputs | None:
        """The candidate of least mean loss, of some families or of all but chance.

        Those that predicted the most images are compared on all of these; one that was fitted to fewer folds takes the place of
        the best of them where its loss is lower on the images that both predicted.
        """
        wanted = families or ("baseline", "transfer", "scratch")
        found = [one for one in self.validated if one.candidate.family in wanted]
        if not found:
            return None
        most = max(len(one.held_out.rows) for one in found)
        best = min((one for one in found if len(one.held_out.rows) == most), key=lambda one: float(one.losses(self.task).mean()))
        for one in found:
            if len(one.held_out.rows) < most:
                _, own, other = np.intersect1d(one.held_out.rows, best.held_out.rows, return_indices=True)
                lower = one.losses(self.task)[own].mean() < best.losses(self.task)[other].mean()
                best = one if lower else best
        return best

    def skip(self, candidate: OutputCandidate, reason: str, price: float = 0.0) -> None:
        """Note that a candidate was not tried, and why."""
        self.results.append(_result(candidate, status="skipped", reason=reason, predicted_seconds=price))

    def _too_costly(self, price: float) -> str:
        return (
            f"takes {price:.0f} s by prediction, and {self.remaining_seconds:.0f} s of the budget are left; give more --minutes"
        )

    def _keep(self, found: ValidatedOutputs, price: float = 0.0, reason: str = "") -> ValidatedOutputs:
        metric = metrics_for(self.task.kind.name())[self.task.kind.primary]
        without = replace(found, thresholds=np.zeros_like(found.values)) if found.candidate.family == "chance" else found
        result = _result(
            found.candidate,
            reason=reason,
            loss=float(found.losses(self.task).mean()),
            primary=metric.estimate(without.predictions(self.task)),
            num_rows=len(found.held_out.rows),
            num_folds=found.num_folds,
            predicted_seconds=price,
            seconds=found.seconds,
        )
        self.validated.append(found)
        self.results.append(result)
        if result.primary is not None and found.candidate.family != "chance":
            note(f"{result.name}: {metric.title} {result.primary} out of fold.")
        return found


def _result(candidate: OutputCandidate, **facts: object) -> OutputResult:
    return OutputResult.model_validate({"name": candidate.name, "candidate": candidate, **facts})


def try_outputs(trials: OutputTrials, ranking: Ranking | None, only: str | None) -> None:
    """Try what is worth it: no image, raw pixels, heads on the shortlist, a network from scratch, a fine-tuned one."""
    task = trials.task
    embedded, num_rows = task.images.train.images.embedded, len(task.images.folds[0].fit)
    trials.without_images()
    if not embedded:
        trials.closed_form(trials.candidate("baseline", "ridge", "pixels"), must=True)
    if only != "scratch" and ranking is not None:
        for place, network in enumerate(ranking.chosen):
            trials.closed_form(trials.candidate("transfer", "ridge", network), must=place == 0)
        best = trials.best("transfer")
        for fit in task.kind.fits[1:] if best else ():
            trials.closed_form(trials.candidate("transfer", fit, best.candidate.pretrained))  # type: ignore[union-attr]
    if embedded:
        return
    if only != "transfer":
        network = scratch_network(task.images)
        side = input_pixels_for(card_of(network), task.images)
        training = scratch_training(num_rows, side, task.images.seed)
        trials.trained(trials.candidate("scratch", "network", network, training), SCRATCH_SHARE if only is None else 1.0)
    best = trials.best("transfer")
    if best is None:
        return
    training = fine_tuning_training(task.images.seed, {"lr": FINE_TUNING_LR})
    tuned = trials.candidate("transfer", "network", best.candidate.pretrained, training)
    if num_rows < FEWEST_TO_TRAIN:
        trials.skip(tuned, f"with fewer than {FEWEST_TO_TRAIN} labels held-out rows cannot tell whether it helps")
    else:
        trials.trained(tuned, 1.0)
