"""Candidate: one way to get a model, before anything is known about how good it is."""

from __future__ import annotations

from typing import Any, Literal

from headstart.planning.plan import Partner, Recipe, is_gradient
from headstart.planning.results import CandidateResult
from headstart.training.settings import Training

Family = Literal["chance", "baseline", "transfer", "scratch"]


class Candidate(Recipe):
    """What would be fitted.

    Attributes:
        family: "transfer" and "scratch" are decided between; "baseline" and "chance" carry no knowledge.
    """

    family: Family

    @property
    def name(self) -> str:
        """What a person calls it."""
        names = [member.own_name for member in self.members]
        return names[0] if len(names) == 1 else f"mean of {' and '.join(names)}"

    @property
    def members(self) -> tuple[Candidate, ...]:
        """It and its partners as candidates of their own, on the same rows and, where they are trained, in the same way."""
        return self.alone, *map(self._partner, self.partners)

    @property
    def alone(self) -> Candidate:
        """The candidate without its partners."""
        family = "scratch" if self.partners and self.weights == "none" else self.family
        return self.model_copy(update={"partners": (), "family": family})

    def _partner(self, partner: Partner) -> Candidate:
        training = self.training if is_gradient(partner.method) else Training(seed=self.training.seed)
        return Candidate(family="transfer", training=training, max_rows=self.max_rows, **partner.model_dump())

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
        """The result that says what became of the candidate; a closed form's has no settings of training."""
        unread = {} if self.reads_training else {"training": Training()}
        return CandidateResult(name=self.name, family=self.family, **{**self.recipe, **unread}, **facts)
