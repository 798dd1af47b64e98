"""Candidate: one way to get a model, before anything is known about how good it is."""

from __future__ import annotations

from typing import Any, Literal

from headstart.planning.plan import Member, Partner, Recipe, is_gradient
from headstart.planning.results import CandidateResult
from headstart.training.settings import Training

Family = Literal["chance", "baseline", "transfer", "scratch"]


def family_of(member: Member) -> Family:
    """What a network and a method on it count as: "transfer" unless the weights are random."""
    if member.weights != "none":
        return "transfer"
    return "scratch" if is_gradient(member.method) else "baseline"


class Candidate(Recipe):
    """What would be fitted.

    Attributes:
        family: "transfer" and "scratch" are decided between; "baseline" and "chance" carry no knowledge.
    """

    family: Family

    @property
    def name(self) -> str:
        """What a person calls it; members that differ in the network alone are named together."""
        if not self.partners:
            return self.own_name
        networks: dict[tuple[str, str], list[str]] = {}
        for member in self.members:
            before, network, after = member._parts_of_name
            networks.setdefault((before, after), []).append(network)
        return f"mean of {_listed([before + _listed(names) + after for (before, after), names in networks.items()])}"

    @property
    def members(self) -> tuple[Candidate, ...]:
        """It and its partners as candidates of their own."""
        return self.alone, *map(self._partner, self.partners)

    @property
    def alone(self) -> Candidate:
        """The candidate without its partners."""
        return self.model_copy(update={"partners": (), "family": family_of(self)}) if self.partners else self

    def _partner(self, partner: Partner) -> Candidate:
        training = (partner.training or self.training) if is_gradient(partner.method) else Training(seed=self.training.seed)
        rows = self.max_rows if partner.max_rows is None else partner.max_rows
        shared = {name: getattr(partner, name) for name in Member.model_fields}
        return Candidate(family=family_of(partner), training=training, max_rows=rows, **shared)

    @property
    def own_name(self) -> str:
        """What a person calls it, its partners left out."""
        return "".join(self._parts_of_name)

    @property
    def _parts_of_name(self) -> tuple[str, str, str]:
        """What comes before the network, the network, and what comes after it."""
        kind = self.method["kind"]
        if self.family == "chance":
            return "", "majority class", ""
        if self.pretrained == "pixels":
            return f"{kind} on ", "raw pixels", ""
        if self.family == "scratch":
            return "", self.pretrained, " from scratch"
        if self.pretrained == "embeddings":
            return f"{kind} on ", "the given features", ""
        random = "random " if self.weights == "none" else ""
        plain = " with plain pictures" if self.method.get("view") == "plain" else ""
        depth = f" on {self.method['blocks']}" if "blocks" in self.method else ""
        return f"{kind}{depth} of ", f"{random}{self.pretrained}", f" at {self.input_pixels} pixels{plain}"

    @property
    def essentials(self) -> dict[str, Any]:
        """What its fit depends on: everything but the family, which is only what the fit stands for."""
        return self.model_dump(mode="json", exclude={"family"})

    def result(self, **facts: Any) -> CandidateResult:
        """The result that says what became of the candidate; a closed form's has no settings of training."""
        unread = {} if self.reads_training else {"training": Training()}
        return CandidateResult(name=self.name, family=self.family, **{**self.recipe, **unread}, **facts)


def _listed(names: list[str]) -> str:
    """Several names in a sentence."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def ensemble_of(first: Candidate, partners: tuple[Partner, ...]) -> Candidate:
    """The candidate with those partners; without knowledge only where none of them has any."""
    families = {first.family, *map(family_of, partners)}
    return first.model_copy(update={"partners": partners, "family": min(families, key=("transfer", "scratch", "baseline").index)})


def partner_of(candidate: Candidate, first: Candidate) -> Partner:
    """A candidate as a partner of another one, without what it has in common with it."""
    shared = {name: getattr(candidate, name) for name in Member.model_fields}
    training = candidate.training if is_gradient(candidate.method) and candidate.training != first.training else None
    return Partner(training=training, max_rows=None if candidate.max_rows == first.max_rows else candidate.max_rows, **shared)
