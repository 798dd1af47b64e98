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
            f"(95%: {self.new.low:.1%} to {self.new.high:.1%}). {old}"
        )
