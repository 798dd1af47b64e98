"""Extension: how adding images to a finished run changed the accuracy on old and new classes."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.estimate import Estimate
from headstart.core.records import Migration, Record, renamed
from headstart.evaluation.forgetting import Forgetting

MOST_NAMES = 5


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
        old: Accuracy on the run's test images, before among the old classes, after among all; None where none are at hand.
        new: Accuracy on the held-out images.
        num_left_out: Models that predicted together with the run's own, or that it corrected, and that are no part any more.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("num_held", "num_held_out"),)
    parent: str
    place: str
    fingerprint: str
    added: tuple[str, ...]
    num_learned: int
    num_held_out: int
    with_old_images: bool
    old: Forgetting | None
    new: Estimate
    num_left_out: int = 0

    @property
    def sentence(self) -> str:
        """The extension in a few sentences."""
        names = ", ".join(self.added[:MOST_NAMES]) + (" ..." if len(self.added) > MOST_NAMES else "")
        word = "class" if len(self.added) == 1 else "classes"
        what = f"{len(self.added)} new {word} ({names})" if self.added else "no new class"
        source = "the run's own images" if self.with_old_images else "sums over the run's images, which were not needed"
        old = self.old.sentence if self.old else "Old classes were not measured: there are no test images of them at hand."
        return (
            f"{self.num_learned:,} images of {self.place} were added, with {what}, to {source}. "
            f"Accuracy on {self.num_held_out:,} held-out images of {self.place}: {self.new.value:.1%} "
            f"(95%: {self.new.low:.1%} to {self.new.high:.1%}). {old}{self._left_out}"
        )

    @property
    def _left_out(self) -> str:
        if not self.num_left_out:
            return ""
        what = "The other model" if self.num_left_out == 1 else f"The other {self.num_left_out} models"
        verb = "is" if self.num_left_out == 1 else "are"
        return f" {what} of {self.parent} {verb} left out: only its first one, with its own head, was extended and predicts."
