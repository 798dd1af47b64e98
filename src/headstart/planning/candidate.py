"""Candidate: one way to get a model, before anything is known about how good it is."""

from __future__ import annotations

from typing import Any, Literal

from headstart.core.records import Record
from headstart.methods import METHODS
from headstart.planning.plan import Partner
from headstart.planning.results import CandidateResult
from headstart.training.settings import Training

Family = Literal["chance", "baseline", "transfer", "scratch"]


class Candidate(Record):
    """What would be fitted.

    Attributes:
        family: "transfer" and "scratch" are decided between; "baseline" and "chance" carry no knowledge.
        pretrained: Name of the card.
        weights: "pretrained", "none" or a file.
        input_pixels: Side of the input square.
        method: `kind` and hyper-parameters.
        training: Budget and optimizer; closed forms use the seed alone.
        max_rows: Labeled rows to fit on; None for all.
        partners: Closed forms that predict together with it.
    """

    family: Family
    pretrained: str
    weights: str
    input_pixels: int
    method: dict[str, Any]
    training: Training
    max_rows: int | None = None
    partners: tuple[Partner, ...] = ()

    @property
    def name(self) -> str:
        """What a person calls it."""
        names = [one.own_name for one in (self.alone, *self.of_partners)]
        return names[0] if len(names) == 1 else f"mean of {' and '.join(names)}"

    @property
    def alone(self) -> Candidate:
        """The candidate without its partners."""
        family = "scratch" if self.partners and self.weights == "none" else self.family
        return self.model_copy(update={"partners": (), "family": family})

    @property
    def of_partners(self) -> tuple[Candidate, ...]:
        """Its partners as candidates, on the same rows and, where they are trained, in the same way."""
        seeded = Training(seed=self.training.seed)
        recipes = (
            self.training if METHODS.get(partner.method["kind"]).cost == "gradient" else seeded for partner in self.partners
        )
        return tuple(
            Candidate(family="transfer", training=recipe, max_rows=self.max_rows, **partner.model_dump())
            for partner, recipe in zip(self.partners, recipes, strict=True)
        )

    @property
    def own_name(self) -> str:
        """What a person calls it, its partners left out."""
        kind = self.method["kind"]
        if self.family == "chance":
            return "majority class"
        if self.pretrained == "pixels":
            return f"{kind} on raw pixels"
        if self.family == "scratch":
            return f"{self.pretrained} from scratch"
        random = "random " if self.weights == "none" else ""
        if self.pretrained == "embeddings":
            return f"{kind} on the given features"
        network = f"{random}{self.pretrained} at {self.input_pixels} pixels"
        plain = " with plain pictures" if self.method.get("view") == "plain" else ""
        depth = f" on {self.method['blocks']}" if "blocks" in self.method else ""
        return f"{kind}{depth} of {network}{plain}"

    @property
    def essentials(self) -> dict[str, Any]:
        """What its fit depends on: everything but the family, which is only what the fit stands for."""
        return self.model_dump(mode="json", exclude={"family"})

    def result(self, **facts: Any) -> CandidateResult:
        """The result that says what became of the candidate."""
        return CandidateResult(
            name=self.name,
            family=self.family,
            pretrained=self.pretrained,
            weights=self.weights,
            input_pixels=self.input_pixels,
            method=self.method,
            training=self.training,
            max_rows=self.max_rows,
            partners=self.partners,
            **facts,
        )
