"""What is reported of the labels of a task that look wrong."""

from __future__ import annotations

from headstart.core.estimate import Estimate
from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.core.records import Record

MANIFEST = "label_errors.csv"
"""The manifest in the folder of a run, whose labels a person may correct."""

BY_MANIFEST = (
    "Look at the images, the most suspect first; correct the column label of the manifest, label_errors.csv, and run on it."
)
IN_PLACE = "Look at the rows, the most suspect first; correct their labels where the data lie, and run again."


class SuspectLabel(Record):
    """A label that does not fit its image.

    Attributes:
        name: What a person calls the image.
        label: The given label.
        suggested: The most probable other class.
        p_value: Were the label right, the probability of one that fits the image as badly.
        adjusted: The same after Benjamini-Hochberg over all labels.
        wrong: The probability that the label is wrong.
        flagged: Whether it stands out among so many labels; others are the next ones of the ranking.
    """

    name: str
    label: str
    suggested: str
    p_value: float
    adjusted: float
    wrong: float
    flagged: bool


class GainWithoutSuspects(Record):
    """A ridge head fitted without the suspects of its rows against one fitted to all, on held-out images that are not flagged.

    Attributes:
        accuracy_gain: Accuracy without suspects minus that with them.
        num_images: Held-out images that judge both, by their given labels.
        num_left_out: Suspects that were left out, on average over the folds.
    """

    accuracy_gain: Estimate
    num_images: int
    num_left_out: int

    @property
    def sentence(self) -> str:
        """The paired difference, and what it allows to say."""
        gain = self.accuracy_gain
        said = "helps" if gain.low > 0 else "hurts" if gain.high < 0 else "neither helps nor hurts beyond chance"
        return (
            f"Leaving them out {said}: a ridge head fitted without them gains {100 * gain.value:+.1f} points of accuracy "
            f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f}) on {self.num_images:,} held-out images that are not flagged."
        )


class LabelErrors(Record):
    """The labels that look wrong.

    Attributes:
        num_labels: Labels that were assessed.
        num_unassessed: Labels that could not be: of images that nothing was predicted for, or the only ones of their class.
        num_flagged: Labels that are probably wrong.
        level: Of the flagged ones about this share is right.
        noise: Estimated share of wrong labels, flagged or not.
        assessed_by: What predicted each image without its own label.
        suspects: All flagged labels, and the next ones of the ranking where these are few, the most suspicious first.
        without: Whether leaving them out helps; None where nothing is flagged or no fold could tell.
        in_files: Whether each image is a file, so that a manifest can be read again.
    """

    num_labels: int
    num_unassessed: int
    num_flagged: int
    level: float
    noise: float
    assessed_by: str
    suspects: tuple[SuspectLabel, ...]
    without: GainWithoutSuspects | None = None
    in_files: bool = True

    @property
    def sentence(self) -> str:
        """How many labels look wrong."""
        if not self.num_flagged:
            return f"Of {self.num_labels:,} labels none looks wrong beyond chance."
        return (
            f"{self.num_flagged:,} of {self.num_labels:,} labels look wrong, of which at most about {self.level:.0%} are right "
            f"all the same; an estimated {self.noise:.1%} of all labels are wrong."
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A warning where labels look wrong."""
        if not self.num_flagged:
            return ()
        flagged = [one for one in self.suspects if one.flagged]
        return (
            Finding.warning(
                "label-noise",
                self.sentence,
                BY_MANIFEST if self.in_files else IN_PLACE,
                count=self.num_flagged,
                noise=round(self.noise, 4),
                paths=[one.name for one in flagged[:MOST_EXAMPLES]],
                labels=[one.label for one in flagged[:MOST_EXAMPLES]],
                looks_like=[one.suggested for one in flagged[:MOST_EXAMPLES]],
            ),
        )
