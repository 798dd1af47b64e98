"""Incremental learning in closed form: which models of a run can be solved again for more images and classes, and how."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np

from headstart.core.errors import PlanError
from headstart.core.predictions import Predictions, mean_of
from headstart.core.rows import Rows, taken
from headstart.core.types import Floats, Integers
from headstart.data.augmented import each_with_views
from headstart.data.images import ImageSet
from headstart.evaluation.extension import LeftOut
from headstart.features.extract import features_of
from headstart.heads.class_statistics import has_mates
from headstart.heads.ridge_leave_one_out import RidgeFit
from headstart.heads.ridge_statistics import RidgeStatistics, solution_of
from headstart.heads.temperature import fit_temperature
from headstart.methods import METHODS, is_removed, method_from
from headstart.methods.heads import SolvedHead
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate, partner_of
from headstart.planning.fitting import candidate_of
from headstart.planning.plan import Partner, Plan

TRAINED = "its network was trained on the old labels, so that features of these images do not show how well it predicts others"
REMOVED_METHOD = "its method was removed in a later version"
OTHER_DOMAINS = "it learned from images of other domains, which extending would forget"
NO_SUMS = "no sums over the old images were stored for it"
NEEDS_IMAGES = "its kernel takes the old images themselves, which are gone"


@dataclass(frozen=True)
class Extendable:
    """A model whose head is solved again from sums over images.

    Attributes:
        place: Its place among the models of the run that predict together, the run's own first.
        model: Its network and its head.
        head: That head.
        share: How much its probabilities count.
        candidate: What the plan says of it.
        native_pixels: Median of the shorter sides of the task's pictures.
    """

    place: int
    model: Model
    head: SolvedHead = field(repr=False)
    share: float
    candidate: Candidate
    native_pixels: int

    @property
    def is_trained(self) -> bool:
        """Whether its network was trained on the run's labels, and not its head alone."""
        return self.head.representation is None

    @property
    def planned(self) -> Candidate:
        """What a plan says of it once it is solved again, for all rows."""
        method, seen = self.candidate.method, self.head.representation
        if seen is not None and method["kind"] != self.head.solver:
            known = METHODS.get(self.head.solver).model_fields
            shared = {name: value for name, value in method.items() if name in known}
            method = {**shared, "kind": self.head.solver, "blocks": seen.blocks}
        return self.candidate.model_copy(update={"method": method, "max_rows": None})

    def for_images(self, images: ImageSet, seed: int) -> Extendable:
        """The same for other training images, whose labels are not read; sums that were stored do not suit it any more."""
        return replace(self, head=self.head.for_rows(features_of(self.learned_from(images), self.model.backbone), seed))

    def learned_from(self, images: ImageSet) -> ImageSet:
        """The images, each followed by the views of it that its head is fitted to, too."""
        return each_with_views(images, method_from(self.candidate.method).views_of(images, self.native_pixels))

    @property
    def rows_an_image(self) -> int:
        """Rows that its head is fitted to for an image: itself and its views; feature vectors have none."""
        return 1 + method_from(self.candidate.method).num_views if self.native_pixels else 1

    def inputs(self, images: ImageSet) -> Rows:
        """What its head's solution is multiplied with, float [sample, input]."""
        return self.head.inputs(features_of(images, self.model.backbone))

    def fitted(self, images: ImageSet) -> RidgeStatistics:
        """The sums over labeled images, with the penalty and the temperature that leave-one-out chooses."""
        seen = self.learned_from(images)
        return RidgeStatistics.fitted(self.inputs(seen), seen.labels, seen.num_classes, seen.groups)

    def solved(self, weight: Floats, bias: Floats, temperature: float, classes: tuple[str, ...]) -> Model:
        """The model with that solution, [input, class] and [class]."""
        return Model(self.model.backbone, self.head.solved(weight, bias), temperature, classes)

    @property
    def reads(self) -> tuple[Any, ...]:
        """Equal for models that the same images give the same solution."""
        arrays = {name: array.tobytes() for name, array in self.head.arrays().items() if name not in ("weight", "bias")}
        return self.model.backbone.identity, str(self.head.settings()), tuple(sorted(arrays.items()))


@dataclass(frozen=True)
class Solution:
    """A model that was solved again.

    Attributes:
        extendable: What was solved.
        model: The result.
        statistics: The sums that it was solved from, as arrays; see `RidgeStatistics.arrays`.
        fit: The fit to all images; None where it was solved from sums.
        left_out: What it predicts for each of some sets of images when it is solved without the set, at the same temperature and
            at the same share of the mean eigenvalue as penalty.
    """

    extendable: Extendable
    model: Model
    statistics: dict[str, Floats] = field(repr=False)
    fit: RidgeFit | None = field(repr=False)
    left_out: tuple[Predictions, ...] = field(repr=False)

    @classmethod
    def of_images(cls, one: Extendable, images: ImageSet, sets: Sequence[Integers]) -> Solution:
        """The solution of labeled images, rows of some of which are left out in turn."""
        seen = one.learned_from(images)
        inputs, labels, classes = one.inputs(seen), seen.labels, images.classes
        sums, fit = RidgeStatistics.and_fit(inputs, labels, len(classes), seen.groups)

        def without(some: Integers) -> tuple[Floats, Floats]:
            rows = (some[:, None] * one.rows_an_image + np.arange(one.rows_an_image)).ravel()
            if len(inputs) > inputs.shape[1]:
                return sums.without(RidgeStatistics.of(taken(inputs, rows), labels[rows], len(classes))).solution()
            rest = np.setdiff1d(np.arange(len(inputs)), rows)
            return solution_of(np.asarray(taken(inputs, rest)), labels[rest], len(classes), sums.share)

        models = (one.solved(*without(rows), sums.temperature, classes) for rows in sets)
        left_out = tuple(model.predict(images.take(rows)) for model, rows in zip(models, sets, strict=True))
        model = one.solved(fit.weight, fit.bias, sums.temperature, classes)
        return cls(one, model, sums.arrays(), fit, left_out)

    @classmethod
    def of_sums(cls, one: Extendable, stored: RidgeStatistics, images: ImageSet, sets: Sequence[ImageSet]) -> Solution:
        """The solution of sums over images together with labeled images; the sets to leave out are among the sums."""
        classes = images.classes

        def over(some: ImageSet) -> RidgeStatistics:
            seen = one.learned_from(some)
            return RidgeStatistics.of(one.inputs(seen), seen.labels, len(classes))

        sums = stored.joined(over(images))
        models = (one.solved(*sums.without(over(some)).solution(), sums.temperature, classes) for some in sets)
        left_out = tuple(model.predict(some) for model, some in zip(models, sets, strict=True))
        return cls(one, one.solved(*sums.solution(), sums.temperature, classes), sums.arrays(), None, left_out)


def extendable_of(
    model: Model, plan: Plan, folder: str, native_pixels: int, stored: Collection[int] | None = None
) -> tuple[tuple[Extendable, ...], tuple[LeftOut, ...]]:
    """The models of a run that can be solved again, and those that cannot, with the reason.

    A network that was trained on the run's labels is taken only where there is no other. Where one model corrects another, that
    other one is taken. Models that would become equal are one, with their common share.

    Args:
        model: The run's.
        plan: The run's.
        folder: The run's, for messages.
        native_pixels: Median of the shorter sides of the task's pictures.
        stored: Places of the models for which sums over the images were stored; None where the images themselves are at hand.

    Returns:
        Both.

    Raises:
        PlanError: None can be solved again, or the plan does not fit the model.
    """
    solvable: list[Extendable] = []
    trained: list[Extendable] = []
    left_out: list[LeftOut] = []
    models = [one.base or one for one in (model, *model.partners)]
    shares = model.shares or (1.0 / len(models),) * len(models)
    for place, (own, share, candidate) in enumerate(zip(models, shares, _planned(plan, len(models), folder), strict=True)):
        if is_removed(candidate.method["kind"]):
            left_out.append(LeftOut(name=candidate.own_name, reason=REMOVED_METHOD))
        elif METHODS.get(candidate.method["kind"]).reads_source():
            left_out.append(LeftOut(name=candidate.own_name, reason=OTHER_DOMAINS))
        elif not isinstance(own.head, SolvedHead):
            reason = f"a head of the kind {own.head.settings()['kind']} is not solved from sums over images"
            left_out.append(LeftOut(name=candidate.own_name, reason=reason))
        elif stored is not None and place not in stored:
            left_out.append(LeftOut(name=candidate.own_name, reason=_why_no_sums(own.head)))
        else:
            one = Extendable(place, own, own.head, share, candidate, native_pixels)
            (trained if one.is_trained else solvable).append(one)
    if not (solvable or trained):
        reasons = "; ".join(dict.fromkeys(f"{one.name}: {one.reason}" for one in left_out))
        raise PlanError(f"{folder} cannot be extended ({reasons}). Put the new images beside the old ones, and run again.")
    if solvable:
        left_out += [LeftOut(name=one.candidate.own_name, reason=TRAINED) for one in trained]
    return _merged(solvable or trained), tuple(left_out)


def _why_no_sums(head: SolvedHead) -> str:
    if head.representation is None:
        return TRAINED
    return NO_SUMS if head.keeps_inputs else NEEDS_IMAGES


def _merged(members: Sequence[Extendable]) -> tuple[Extendable, ...]:
    merged: dict[tuple[Any, ...], Extendable] = {}
    for one in members:
        before = merged.get(one.reads)
        merged[one.reads] = one if before is None else replace(before, share=before.share + one.share)
    return tuple(merged.values())


def _planned(plan: Plan, num: int, folder: str) -> list[Candidate]:
    """What the plan says of each of the models that predict together; of several models of folds it says the same."""
    members = candidate_of(plan).members
    said: tuple[Plan | Partner, ...] = (plan, *plan.partners)
    wanted = [1 if plan.hold_out else one.fold_models or 1 for one in said]
    for most in range(1, max(wanted) + 1):  # no more than there are folds
        counts = [min(count, most) for count in wanted]
        if sum(counts) == num:
            return [member for member, count in zip(members, counts, strict=True) for _ in range(count)]
    if num == 1:  # extended by an earlier version, which left the plan as it was
        return [members[0]]
    raise PlanError(f"{folder}: plan.toml names {len(members)} models, and the model consists of {num}. Fit the run again.")


def together(solutions: Sequence[Solution], shares: tuple[float, ...]) -> Model:
    """The model in which all predict together."""
    own, *partners = (one.model for one in solutions)
    return replace(own, partners=tuple(partners), shares=shares)


def left_out_together(solutions: Sequence[Solution], shares: tuple[float, ...], place: int) -> Predictions:
    """What all together predict for one of the sets of images, each solved without it."""
    several = [one.left_out[place] for one in solutions]
    return mean_of(several, shares) if len(several) > 1 else several[0]


def shares_of(members: Sequence[Extendable], model: Model) -> tuple[float, ...]:
    """The shares of those that are left, with the sum that all had, which sets the confidence; none for one alone."""
    if len(members) == 1:
        return ()
    scale = (sum(model.shares) or 1.0) / sum(one.share for one in members)
    return tuple(scale * one.share for one in members)


def calibrated(
    shares: tuple[float, ...], fits: Sequence[RidgeFit], labels: Integers, groups: Integers, rows_an_image: Sequence[int]
) -> tuple[float, ...]:
    """The shares over a common temperature, which makes the confidence of the leave-one-out predictions that of the labels.

    Args:
        shares: One a model; none for a single one, whose own temperature does that.
        fits: One a model, to these images and to views of them.
        labels: int64 [sample].
        groups: int64 [sample], left out together.
        rows_an_image: Of each fit.

    Returns:
        The shares.
    """
    scored = [fit.loo_rows[fit.loo_rows % each == 0] // each for fit, each in zip(fits, rows_an_image, strict=True)]
    rows = reduce(np.intersect1d, scored, np.arange(len(labels)))
    fair = has_mates(labels, groups)[rows]
    known = labels[rows][fair]
    if not shares or len(np.unique(known)) < 2:
        return shares
    logs = np.stack(
        [
            np.log(np.maximum(fit.loo_probs[np.searchsorted(fit.loo_rows, rows[fair] * each)], 1e-12))
            for fit, each in zip(fits, rows_an_image, strict=True)
        ]
    )
    temperature = fit_temperature(np.tensordot(shares, logs, 1), known)
    return tuple(share / temperature for share in shares)


def extended_plan(plan: Plan, members: Sequence[Extendable], shares: tuple[float, ...], reason: str) -> Plan:
    """The plan with the models that are left, and one more reason."""
    first, *others = (one.planned for one in members)
    own = members[0].place == 0
    update = {
        **first.recipe,
        "partners": tuple(partner_of(other, first) for other in others),
        "shares": shares,
        "temperature": None,
        "fold_models": None,
        "hold_out": False,
        "mean": plan.mean if own else None,
        "std": plan.std if own else None,
        "reasons": (*plan.reasons, reason),
    }
    return plan.model_copy(update=update)
