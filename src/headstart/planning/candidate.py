"""Candidate: one way to get a model, before anything is known about how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from headstart.planning.plan import Member, Partner, Recipe, is_gradient
from headstart.planning.results import CandidateResult
from headstart.training.settings import Training

Family = Literal["chance", "baseline", "transfer", "scratch"]


def family_of(member: Member) -> Family:
    """What a network and a method on it count as: "transfer" unless the weights are random."""
    if member.weights != "none":
        return "transfer"
    return "scratch" if is_gradient(member.method) else "baseline"


class _NameParts(NamedTuple):
    """A candidate's name: the head, the network and the side of its input, None where it has no choice of it."""

    head: str
    before: str
    network: str
    side: int | None = None
    after: str = ""


class Candidate(Recipe):
    """What would be fitted.

    Attributes:
        family: "transfer" and "scratch" are decided between; "baseline" and "chance" carry no knowledge.
    """

    family: Family

    @property
    def name(self) -> str:
        """What a person calls it; members that differ in the network, its input side or the head alone are named together."""
        if not self.partners:
            return self.own_name
        kinds: dict[tuple[str, str, str], list[_NameParts]] = {}
        for pieces in (member._name_parts for member in self.members):
            kinds.setdefault((pieces.head, pieces.before, pieces.after), []).append(pieces)
        heads: dict[str, list[str]] = {}
        for (head, before, after), alike in kinds.items():
            heads.setdefault(before + _networks(alike) + _sides(alike) + after, []).append(head)
        return f"mean of {len(self.members)}: {_listed([_listed(own) + rest for rest, own in heads.items()])}"

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

    def with_settings(self, **settings: Any) -> Candidate:
        """The candidate with other settings of its method."""
        return self.model_copy(update={"method": {**self.method, **settings}})

    @property
    def own_name(self) -> str:
        """What a person calls it, its partners left out."""
        pieces = self._name_parts
        return pieces.head + pieces.before + pieces.network + _sides([pieces]) + pieces.after

    @property
    def _name_parts(self) -> _NameParts:
        kind = str(self.method["kind"])
        if self.family == "chance":
            return _NameParts("", "", "majority class")
        seen = (("views", self.method.get("views", 0)), ("corrupted views", len(self.method.get("corrupted", ()))))
        views = " and".join(f" with {count} {what}" for what, count in seen if count)
        if self.pretrained == "pixels":
            return _NameParts(kind, " on ", "raw pixels", after=views)
        if self.family == "scratch":
            return _NameParts("", "", self.pretrained, after=" from scratch")
        if self.pretrained == "embeddings":
            return _NameParts(kind, " on ", "the given features")
        blocks = f" on {self.method['blocks']}" if "blocks" in self.method else ""
        before = f"{blocks} of {'random ' if self.weights == 'none' else ''}"
        after = " with plain pictures" if self.method.get("view") == "plain" else views
        return _NameParts(kind, before, self.pretrained, self.input_pixels, after)

    @property
    def essentials(self) -> dict[str, Any]:
        """What its fit depends on: everything but the family, which is only what the fit stands for."""
        return self.model_dump(mode="json", exclude={"family"})

    def result(self, **facts: Any) -> CandidateResult:
        """The result that says what became of the candidate; a closed form's has no settings of training."""
        unread = {} if self.reads_training else {"training": Training()}
        return CandidateResult(name=self.name, family=self.family, **{**self.recipe, **unread}, **facts)


def _networks(alike: Sequence[_NameParts]) -> str:
    """Each network once; those that differ in their last digits alone share the rest of their name."""
    stems: dict[str, set[str]] = {}
    for pieces in alike:
        stem = pieces.network.rstrip("0123456789")
        stems.setdefault(stem, set()).add(pieces.network.removeprefix(stem))
    return _listed([stem + "/".join(sorted(ends, key=lambda end: (len(end), end))) for stem, ends in stems.items()])


def _sides(alike: Sequence[_NameParts]) -> str:
    sides = sorted({pieces.side for pieces in alike if pieces.side is not None})
    if len(sides) < 2:
        return "".join(f" at {side} pixels" for side in sides)
    return f" at {sides[0]} {'and' if len(sides) == 2 else 'to'} {sides[-1]} pixels"


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
