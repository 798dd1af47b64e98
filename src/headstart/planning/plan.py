"""Plan: what was decided, and why. The one configuration file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from headstart.core.records import Record
from headstart.training.settings import Training

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Rejected(Record):
    """A candidate that was not chosen.

    Attributes:
        candidate: Pretrained name and method, as a person would say it.
        reason: One sentence with the numbers that speak against it.
    """

    candidate: str
    reason: str


class Partner(Record):
    """What predicts together with what a plan describes, by the weighted geometric mean of the probabilities.

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


class Plan(Record):
    """Everything that a fit needs; made by `decide`, edited by hand, given to `fit`.

    Attributes:
        data: The path or built-in name of the task's data.
        sources: Places of labeled images of other domains.
        target_domains: The target's names in the data's own column of domains, whose other domains are sources.
        domains: Of the sources, those that are used; all where it is left out, none where it is empty.
        seed: The seed of split, folds and training.
        per_class: Labeled training rows kept a class; None for all.
        pretrained: Name of the card.
        weights: "pretrained", "none" (from scratch) or a file of weights.
        input_pixels: Side of the input square.
        mean: Per-channel mean, on pixels in [0, 1], in place of the card's; None keeps the card's.
        std: Per-channel standard deviation in place of the card's; None keeps the card's.
        method: `kind` and hyper-parameters.
        training: Budget and optimizer.
        max_rows: Labeled rows to fit on; None for all.
        hold_out: Leave the rows that judged the method out of the fit, as is done with many rows, where refitting would cost more
            than they bring.
        temperature: Divides the scores of a gradient method's model, fitted out of fold; None keeps the model's own.
        partners: Others that predict together with it, fitted to the same rows.
        shares: How much it and each partner count in the geometric mean of their probabilities; none given counts all alike.
        verdict: "transfer", "scratch", "no difference", or "" for a plan written by hand.
        reasons: Sentences with numbers that speak for the choice.
        rejected: Everything else that was looked at, with its reason.
    """

    data: str
    sources: tuple[str, ...] = ()
    target_domains: tuple[str, ...] = ()
    domains: tuple[str, ...] | None = None
    seed: int = 0
    per_class: int | None = None
    pretrained: str
    weights: str = "pretrained"
    input_pixels: int
    mean: tuple[float, float, float] | None = None
    std: tuple[Positive, Positive, Positive] | None = None
    method: dict[str, Any]
    training: Training = Training()
    max_rows: int | None = None
    hold_out: bool = False
    temperature: float | None = None
    partners: tuple[Partner, ...] = ()
    shares: tuple[NotNegative, ...] = ()
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @property
    def networks(self) -> tuple[tuple[str, str], ...]:
        """Name and weights of each network that predicts: its own, then those of its partners."""
        return (self.pretrained, self.weights), *((partner.pretrained, partner.weights) for partner in self.partners)
