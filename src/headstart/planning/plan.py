"""Plan: what was decided, and why. The one configuration file."""

from __future__ import annotations

from typing import Annotated, Any

import tomli_w
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from headstart.core.records import Record
from headstart.core.shown import Shown
from headstart.training.settings import Training

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
FoldModels = Annotated[int | None, Field(ge=1)]


def is_gradient(method: dict[str, Any]) -> bool:
    """Whether a method of that `kind` is trained by gradient, which takes minutes; a closed form takes milliseconds."""
    from headstart.methods import cost_of  # noqa: PLC0415 - a plan is read without torch

    return cost_of(method["kind"]) == "gradient"


class Rejected(Record):
    """A candidate that was not chosen, by its name, and one sentence with the numbers that speak against it."""

    candidate: str
    reason: str


class Member(Record):
    """A network and a method on it.

    Attributes:
        pretrained: Name of the card.
        weights: "pretrained", "none" or a file of weights.
        input_pixels: Side of the input square.
        method: `kind` and hyper-parameters.
    """

    pretrained: str
    weights: str = "pretrained"
    input_pixels: int
    method: dict[str, Any]


class Partner(Member):
    """A further member of an ensemble, which predicts by the weighted geometric mean of its members' probabilities.

    Attributes:
        training: Budget and optimizer of its own; None for those of the plan.
        max_rows: Labeled rows that it is fitted to; None for as many as the plan.
        temperature: Divides its scores where it is trained by gradient, fitted out of fold; None keeps the model's own.
        fold_models: As that of a plan.
    """

    training: Training | None = None
    max_rows: int | None = None
    temperature: float | None = None
    fold_models: FoldModels = None


class Recipe(Member):
    """How a model is made of labeled rows: what a plan, a candidate and its result share.

    Attributes:
        training: Budget and optimizer. Closed forms read the seed alone.
        max_rows: Labeled rows to fit on; None for all.
        partners: Further members of the ensemble.
    """

    training: Training = Training()
    max_rows: int | None = None
    partners: tuple[Partner, ...] = ()

    @property
    def reads_training(self) -> bool:
        """Whether one of the members is trained by gradient, and not with a training of its own."""
        return any(map(is_gradient, [self.method, *(one.method for one in self.partners if one.training is None)]))

    @property
    def is_trained(self) -> bool:
        """Whether one of the members is trained by gradient, in whatever way."""
        return any(is_gradient(one.method) for one in (self, *self.partners))

    @property
    def recipe(self) -> dict[str, Any]:
        """The fields of this class, for another record that has them."""
        return {name: getattr(self, name) for name in Recipe.model_fields}


LATER_OPTIONS = ("leave_domain_out", "without_label_errors")
"""Fields that are written only where they are set."""


class Plan(Shown, Recipe):
    """Everything that a fit needs; made by `decide`, edited by hand, given to `fit`.

    Attributes:
        data: The path or built-in name of the task's data.
        sources: Places of labeled images of other domains.
        target_domains: The target's names in the data's own column of domains, whose other domains are sources.
        domains: Names of the sources that are used; all where it is left out, none where it is empty.
        source_classes: Classes whose images of sources are used; all where it is left out. Every method matches the target with
            these alone.
        seed: The seed of split, folds and training.
        per_class: Labeled training rows kept a class; None for all.
        test: Share of the labeled rows that is set aside as a test; None for the default of `read_task`.
        leave_domain_out: Whether splits and folds keep every domain whole; the sources then are further domains.
        without_label_errors: Whether images to learn from whose labels look wrong are left out.
        mean: Per-channel mean, on pixels in [0, 1], in place of the card's; None keeps the card's.
        std: Per-channel standard deviation in place of the card's; None keeps the card's.
        hold_out: Leave the held-out rows of the first fold out of the fit, as is done with many rows, where refitting would cost
            more than they bring.
        temperature: Divides the scores of a gradient method's model, fitted out of fold; None keeps the model's own.
        fold_models: How many models, each fitted without one of the first folds, predict together in place of one model fitted to
            all rows, which then is not fitted; None for that one.
        shares: Exponent of each member, the plan's own first, in the geometric mean; none given counts all alike.
        verdict: "transfer", "scratch", "no difference", "not judged", or "" for a plan written by hand.
        reasons: Sentences with numbers that speak for the choice.
        rejected: All other candidates, each with its reason.
    """

    data: str
    sources: tuple[str, ...] = ()
    target_domains: tuple[str, ...] = ()
    domains: tuple[str, ...] | None = None
    source_classes: tuple[str, ...] | None = None
    seed: int = 0
    per_class: int | None = None
    test: float | None = None
    leave_domain_out: bool = False
    without_label_errors: bool = False
    mean: tuple[float, float, float] | None = None
    std: tuple[Positive, Positive, Positive] | None = None
    hold_out: bool = False
    temperature: float | None = None
    fold_models: FoldModels = None
    shares: tuple[NotNegative, ...] = ()
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @model_serializer(mode="wrap")
    def _without_usual_folds(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Left out at their defaults, so that fits that were begun before there were such options go on."""
        return {name: value for name, value in handler(self).items() if name not in LATER_OPTIONS or value}

    @property
    def networks(self) -> tuple[tuple[str, str], ...]:
        """Name and weights of each network that predicts, its own first, then of those that taught it or a partner."""
        members: tuple[Member, ...] = (self, *self.partners)
        teachers = [one for member in members for one in member.method.get("teachers", ())]
        taught = ((one["pretrained"], one.get("weights", "pretrained")) for one in teachers)
        return *((one.pretrained, one.weights) for one in members), *taught

    def no_longer_said(self, before: Plan) -> dict[str, Any]:
        """The fields, as they have to be, that said something of the models of another plan's method; none where it is the same.

        That are a temperature, models of folds and, where nothing is trained any more, rows that were held out, as a closed form
        learns from all of them at little cost.
        """
        if self.method["kind"] == before.method["kind"]:
            return {}
        return {"temperature": None, "fold_models": None, "hold_out": self.hold_out and self.is_trained}

    @property
    def fitted_to(self) -> str:
        """What its model was fitted to, after "the model that is kept"."""
        if self.hold_out:
            return "was fitted to the other labels alone"
        if self.fold_models or any(partner.fold_models for partner in self.partners):
            return "was fitted to all labels, but for what is trained in it, which is the mean of models without one fold each"
        return "was fitted to all labels" if self.max_rows is None else f"was fitted to {self.max_rows:,} labels"

    def to_toml(self) -> str:
        """The plan as TOML text, the data first. Fields at their default are left out, and fields that no member reads."""
        values = {"data": self.data, **self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)}
        if not self.reads_training:
            values["training"] = {"seed": self.training.seed} if self.training.seed else {}
        if not values.get("training"):
            values.pop("training", None)
        return tomli_w.dumps(values)
