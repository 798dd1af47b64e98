"""What is reported of the labels of a task that look wrong."""

from __future__ import annotations

from headstart.core.estimate import Estimate
from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.core.records import Record

MANIFEST = "label_errors.csv"
"""The manifest in the folder of a run, whose labels a person may correct."""

BY_MANIFEST = "Look at the images, the most suspect first; correct the column label of the manifest, {manifest}, and run on it."
IN_PLACE = "Look at the rows, the most suspect first; correct their labels where the data lie, and run again."


def numbered_manifest(number: int) -> str:
    """The name of a manifest beside earlier ones, which may hold corrected labels."""
    return f"{MANIFEST.removesuffix('.csv')}-{number}.csv"


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
    """A ridge head fitted without the suspects of its rows against one fitted to all, on held-out images by their given labels.

    Which held-out images are flagged depends on their own labels: on those that are not flagged the gain is biased upwards. On
    all of them it is biased downwards, as most of the flagged labels are wrong. So something is said only where both agree.

    Attributes:
        accuracy_gain: Accuracy without suspects minus that with them, on held-out images that are not flagged.
        num_images: How many these are.
        gain_on_all: The same on all held-out images; None in a record of an earlier version.
        num_all: How many these are.
        num_left_out: Suspects that were left out, on average over the folds.
    """

    accuracy_gain: Estimate
    num_images: int
    gain_on_all: Estimate | None = None
    num_all: int = 0
    num_left_out: int

    @property
    def sentence(self) -> str:
        """The paired differences, and what they allow to say together."""
        gain, on_all = self.accuracy_gain, self.gain_on_all or self.accuracy_gain
        low, high = min(gain.low, on_all.low), max(gain.high, on_all.high)
        said = "helps" if low > 0 else "hurts" if high < 0 else "neither helps nor hurts beyond chance"
        shown = (
            f"Leaving them out {said}: a ridge head fitted without them gains {100 * gain.value:+.1f} points of accuracy "
            f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f}) on {self.num_images:,} held-out images that are not flagged."
        )
        if self.gain_on_all is None:
            return shown
        return (
            f"{shown} On all {self.num_all:,} held-out images, flagged ones included, it gains {100 * on_all.value:+.1f} points "
            f"({100 * on_all.low:+.1f} to {100 * on_all.high:+.1f})."
        )


def share_assessed(num_labels: int, num_unassessed: int) -> str:
    """How many of the labels were assessed, as a sentence; empty where all were."""
    return f"{num_labels:,} of {num_labels + num_unassessed:,} labels were assessed." if num_unassessed else ""


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
        without: Whether leaving them out helps; None where nothing is flagged or it could not be tested.
        not_tested: Why it could not be tested.
        manifest: The file in the run's folder whose labels a person may correct.
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
    not_tested: str = ""
    manifest: str = MANIFEST
    in_files: bool = True

    @property
    def sentence(self) -> str:
        """How many labels look wrong, of how many that were assessed."""
        return " ".join(filter(None, (self._found, share_assessed(self.num_labels, self.num_unassessed), self._earlier_manifest)))

    @property
    def _found(self) -> str:
        if not self.num_flagged:
            return f"Of {self.num_labels:,} labels none looks wrong beyond chance."
        return (
            f"{self.num_flagged:,} of {self.num_labels:,} labels look wrong, of which at most about {self.level:.0%} are right "
            f"all the same; an estimated {self.noise:.1%} of all labels are wrong."
        )

    @property
    def _earlier_manifest(self) -> str:
        if self.manifest == MANIFEST:
            return ""
        return f"An earlier manifest of labels may hold corrections and is kept: the new one is {self.manifest}."

    @property
    def gain_sentence(self) -> str:
        """Whether leaving them out helps, or why that was not tested; empty where there is nothing to leave out."""
        if self.without is not None:
            return self.without.sentence
        return f"Whether leaving them out helps was not tested: {self.not_tested}." if self.not_tested else ""

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
                BY_MANIFEST.format(manifest=self.manifest) if self.in_files else IN_PLACE,
                count=self.num_flagged,
                noise=round(self.noise, 4),
                paths=[one.name for one in flagged[:MOST_EXAMPLES]],
                labels=[one.label for one in flagged[:MOST_EXAMPLES]],
                looks_like=[one.suggested for one in flagged[:MOST_EXAMPLES]],
            ),
        )
