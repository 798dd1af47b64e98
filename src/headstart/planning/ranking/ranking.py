"""Ranking: candidates by transferability, with their scores."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from headstart.core.estimate import Estimate
from headstart.core.records import Migration, Record, fingerprint_of, renamed
from headstart.core.shown import Shown
from headstart.planning.ranking.stage_scores import StageScore


class RankedCandidate(Record):
    """One candidate to transfer from.

    Attributes:
        name: The card's name; baselines are "NAME (random initialization)" and "pixels".
        pretrained: Name of the card.
        weights: "pretrained" or "none".
        baseline: True for candidates that carry no knowledge and must not win.
        scores: Every score by name; None where it does not apply.
        rank: Mean rank over the combined scores; 1 is best.
        first_probability: Share of the half-samples in which it ranks first.
        estimate: Leave-one-out accuracy of the ridge head on it.
        seconds: Time spent on it.
        stages: Each of its stages alone, first one first; empty where there is one only.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("canary", "baseline"),)
    name: str
    pretrained: str
    weights: str
    baseline: bool
    scores: dict[str, float | None]
    rank: float
    first_probability: float
    estimate: Estimate
    seconds: float
    stages: tuple[StageScore, ...] = ()


def _without_audit(values: dict[str, Any]) -> dict[str, Any]:
    """Format 1 had a field that nothing filled."""
    return {name: value for name, value in values.items() if name != "audit"}


class Ranking(Shown, Record):
    """Candidates, best first.

    Attributes:
        candidates: Best first.
        chosen: Names of the shortlist to prove by real fits.
        distinguishable: False when the data cannot tell the leading candidates apart.
        sentence: What to tell a person.
        num_images: Labeled rows that the candidates were scored on.
        depth: At which depth the knowledge of the leading network lies, in a sentence; empty where no stages are known.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (_without_audit,)
    candidates: tuple[RankedCandidate, ...]
    chosen: tuple[str, ...]
    distinguishable: bool
    sentence: str
    num_images: int
    depth: str = ""

    @classmethod
    def of_nothing(cls, why: str) -> Self:
        """A ranking without candidates, and why there are none, in a sentence."""
        return cls(candidates=(), chosen=(), distinguishable=False, sentence=why, num_images=0)

    def content_fingerprint(self) -> str:
        """Sixteen hexadecimal digits of all but the measured times, on which nothing that follows from the ranking depends."""
        values = self.to_dict()
        candidates = [{name: value for name, value in one.items() if name != "seconds"} for one in values["candidates"]]
        return fingerprint_of(values | {"candidates": candidates})
