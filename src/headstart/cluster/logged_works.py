"""Logged works: the finished steps of a run as works of the simulator, with what each of them has to wait for.

Assumptions. The steps were made in one process. Every step waits for the one before it, but for what workers do: folds of
candidates that are trained, and candidates of an adaptation, which are begun together, and features, whose chunks need nothing of
each other. What a step took beyond the steps inside it, and beyond extraction, is the driver's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headstart.cluster.simulator import SimulatedWork

INSIDE: dict[str, frozenset[str]] = {
    "rank": frozenset({"evidence"}),
    "decide": frozenset({"chosen", "cost", "curve", "flip_test", "fold", "pool"}),
    "adapt": frozenset({"adapted", "circular", "cost", "fold"}),
}
"""Steps that consist of others, which the log names before them."""
ADAPTED = "adapted"
"""The steps of candidates of an adaptation, which follow one another."""
FEATURES_IN = frozenset({"adapted", "decide", "evidence", "first", "fold", "rank"})
"""Steps in which features are extracted; the longest ones extract most."""


@dataclass(frozen=True)
class Step:
    """A line of a run's log.

    Attributes:
        name: Of the kind of step.
        seconds: What it took, steps inside it included.
    """

    name: str
    seconds: float


@dataclass(frozen=True)
class Extraction:
    """Features that a run extracted from all of its pictures.

    Attributes:
        network: Its name.
        num_images: Pictures.
        images_per_second: Of one worker.
    """

    network: str
    num_images: int
    images_per_second: float

    @property
    def seconds(self) -> float:
        """Of one worker."""
        return self.num_images / self.images_per_second


@dataclass
class _Sequence:
    """Works that are made one after the other, or together and then waited for."""

    works: list[SimulatedWork] = field(default_factory=list)
    last: tuple[int, ...] = ()

    def add(self, name: str, seconds: Sequence[float], *, on_driver: bool) -> None:
        first = len(self.works)
        self.works += [SimulatedWork(name, one, after=self.last, on_driver=on_driver) for one in seconds]
        self.last = tuple(range(first, len(self.works))) or self.last


def works_of(
    steps: Sequence[Step], num_trained: int, extractions: Sequence[Extraction] = (), images_per_work: int = 512
) -> tuple[SimulatedWork, ...]:
    """Works that take as long as the steps did.

    Args:
        steps: In the order of the log.
        num_trained: How many folds of the decision, its last ones, belong to candidates that are trained.
        extractions: Features, whose seconds are part of those of the steps.
        images_per_work: Pictures whose features one work extracts.

    Returns:
        Works of the driver and of workers, in order.
    """
    folds = [place for place, step in enumerate(steps) if step.name == "fold"]
    trained = set(folds[len(folds) - min(num_trained, len(folds)) :])
    own = _own_seconds(steps, trained, sum(one.seconds for one in extractions))
    sequence = _Sequence()
    for one in extractions:
        num_works = max(1, round(one.num_images / images_per_work))
        sequence.add("extraction", [one.seconds / num_works] * num_works, on_driver=False)
    adapted: list[float] = []
    for place, step in enumerate(steps):
        if step.name == ADAPTED:
            adapted.append(own[place])
            continue
        if adapted:
            sequence.add(ADAPTED, adapted, on_driver=False)
            adapted = []
        if place not in trained:
            sequence.add(step.name, [own[place]], on_driver=True)
        elif place == max(trained):
            sequence.add("training", [steps[one].seconds for one in sorted(trained)], on_driver=False)
    sequence.add(ADAPTED, adapted, on_driver=False)
    return tuple(sequence.works)


def _own_seconds(steps: Sequence[Step], trained: set[int], extracting: float) -> list[float]:
    """Seconds of each step without the steps inside it, and without extraction, as far as there is time for that."""
    own = [step.seconds for step in steps]
    open_steps: list[int] = []
    for place, step in enumerate(steps):
        inside = [one for one in open_steps if steps[one].name in INSIDE.get(step.name, ())]
        own[place] = max(0.0, step.seconds - sum(steps[one].seconds for one in inside))
        open_steps = [one for one in open_steps if one not in inside] + [place]
    may_extract = [place for place, step in enumerate(steps) if step.name in FEATURES_IN and place not in trained]
    for place in sorted(may_extract, key=lambda one: -own[one]):
        taken = min(own[place], extracting)
        own[place] -= taken
        extracting -= taken
    return own
