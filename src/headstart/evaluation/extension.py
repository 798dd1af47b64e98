"""Extension: how adding images to a finished run changed the accuracy on old and new classes."""

from __future__ import annotations

from typing import Any, ClassVar

from headstart.core.estimate import Estimate
from headstart.core.records import Migration, Record, renamed
from headstart.evaluation.forgetting import Forgetting

MOST_NAMES = 5
SEAL = "A run that is made with --test SHARE keeps images for that."
AS_BEFORE = (
    "Confidence stays as it was fitted to the old images, and images unlike the known ones are not flagged any more: both take "
    "the old images."
)


def _without_number(values: dict[str, Any]) -> dict[str, Any]:
    """Earlier versions gave the number of models left out without their names."""
    return {name: value for name, value in values.items() if name != "num_left_out"}


class LeftOut(Record):
    """A model of a run that is no part of the extended one: what a person calls it, and why, a clause."""

    name: str
    reason: str


class Extension(Record):
    """An update of a run by images that came later.

    Attributes:
        parent: Folder of the run that was extended.
        place: Where the images came from.
        fingerprint: Of these images.
        added: New classes.
        num_learned: Images that were learned from.
        num_held_out: Images of them that were held out.
        with_old_images: Whether the run's own images were read again; else sums over them were enough.
        old: Accuracy on images of the run that neither model has learned when it predicts them, before among the old classes,
            after among all; None where there are none at hand.
        new: Accuracy on the held-out images; None where there are none, as of one correction.
        num_models: Models that were solved again and predict together.
        left_out: Those of the run that are no part any more.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("num_held", "num_held_out"), _without_number)
    parent: str
    place: str
    fingerprint: str
    added: tuple[str, ...]
    num_learned: int
    num_held_out: int
    with_old_images: bool
    old: Forgetting | None
    new: Estimate | None
    num_models: int = 1
    left_out: tuple[LeftOut, ...] = ()

    @property
    def sentence(self) -> str:
        """The extension in a few sentences."""
        names = ", ".join(self.added[:MOST_NAMES]) + (" ..." if len(self.added) > MOST_NAMES else "")
        word = "class" if len(self.added) == 1 else "classes"
        what = f"{len(self.added)} new {word} ({names})" if self.added else "no new class"
        source = "the run's own images" if self.with_old_images else "sums over the run's images, which were not needed"
        return " ".join(
            [
                f"{self.num_learned:,} images of {self.place} were added, with {what}, to {source}.",
                self._on_new,
                self.old.sentence if self.old else self._why_not_measured,
                *self._models,
                *([] if self.with_old_images else [AS_BEFORE]),
            ]
        )

    @property
    def _on_new(self) -> str:
        if self.new is None:
            return f"None of {self.place} was held out, as there are too few."
        value, low, high = self.new.value, self.new.low, self.new.high
        return f"Accuracy on {self.num_held_out:,} held-out images of {self.place}: {value:.1%} (95%: {low:.1%} to {high:.1%})."

    @property
    def _why_not_measured(self) -> str:
        if self.with_old_images:
            return f"Old classes were not measured: there are no images of {self.parent} that it has not learned from. {SEAL}"
        return "Old classes were not measured, as the run's own images are gone or have changed: put them back to have it done."

    @property
    def _models(self) -> list[str]:
        """What predicts, where more than one does or did."""
        said = [f"{self.num_models} models were solved again and predict together."] if self.num_models > 1 else []
        if not self.left_out:
            return said
        names: dict[str, list[str]] = {}
        for one in self.left_out:
            names.setdefault(one.reason, []).append(one.name)
        reasons = [f"{_counted(alike)} ({reason})" for reason, alike in names.items()]
        return [*said, f"Left out: {'; '.join(reasons)}."]


def _counted(names: list[str]) -> str:
    """Names, each once, with the number of models that have it."""
    counts = {name: names.count(name) for name in names}
    return ", ".join(name if count == 1 else f"{count} models of {name}" for name, count in counts.items())
