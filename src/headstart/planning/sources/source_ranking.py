"""SourceRanking: labeled sources, what was measured of each, and which are used."""

from __future__ import annotations

from typing import Literal

from headstart.core.estimate import Estimate
from headstart.core.records import Record, renamed
from headstart.evaluation.compare import Paired

Choice = Literal["none", "one", "mixture", "weights"]


class MeasuredSource(Record):
    """One source, measured against the target.

    Attributes:
        name: The domain.
        num_images: Its labeled rows.
        num_classes: Classes of these rows.
        common_classes: Those of them that labeled target rows have, too; empty where no target row is labeled.
        name_overlap: The share of the target's classes that it has by name; None without target labels.
        agreement: The share of common classes that look alike in both domains, see `class_agreement`; None without target labels.
        proxy_a: Proxy A-distance to the target's images, in [0, 2].
        mmd: Unbiased squared mean discrepancy to them.
        otdd: Distance of the labeled data sets; None without target labels.
        leep: LEEP of a probe trained on the source, on labeled target rows; None without target labels.
        nce: NCE of that probe.
        own_accuracy: Leave-one-out accuracy within the source: near chance where its labels do not fit its images.
        own_chance: The accuracy to expect by chance, see `agreement_by_chance`.
        own_p_value: Of that accuracy by chance.
        others_accuracy: Accuracy, on its rows, of a probe trained on all other sources whose labels fit their images; None where
            there is no other.
        others_chance: The accuracy to expect by chance.
        others_p_value: Of that accuracy by chance.
        target_accuracy: Accuracy of a probe trained on it, on labeled target rows; None without target labels.
        target_p_value: Of that accuracy by chance.
        gain: What it adds to the target's own labels on left-out target rows; None where that was not tested.
        weight: Of one of its rows, a target row weighing 1; 0 where it is not used.
        reason: Why it is used, or not.
    """

    migrations = (
        renamed("own", "own_accuracy"),
        renamed("by_others", "others_accuracy"),
        renamed("on_target", "target_accuracy"),
        renamed("on_target_p_value", "target_p_value"),
    )

    name: str
    num_images: int
    num_classes: int
    common_classes: tuple[str, ...]
    name_overlap: float | None
    agreement: float | None
    proxy_a: float
    mmd: float
    otdd: float | None
    leep: float | None
    nce: float | None
    own_accuracy: Estimate
    own_chance: float
    own_p_value: float
    others_accuracy: Estimate | None = None
    others_chance: float | None = None
    others_p_value: float | None = None
    target_accuracy: Estimate | None = None
    target_p_value: float | None = None
    gain: Paired | None = None
    weight: float = 0.0
    reason: str = ""

    @property
    def used(self) -> bool:
        """Whether it is used."""
        return self.weight > 0


class SourceCell(Record):
    """What a source adds by one network.

    Attributes:
        source: The domain.
        gain: Accuracy on left-out target rows with its rows, at the better of their weights, minus that without; None where too
            few target rows are labeled.
        target_accuracy: Accuracy of a probe trained on it alone, on labeled target rows; None without target labels.
        proxy_a: Proxy A-distance to the target's images by this network, in [0, 2].
    """

    source: str
    gain: Estimate | None
    target_accuracy: float | None
    proxy_a: float


class NetworkSources(Record):
    """A row of the matrix of networks and sources.

    Attributes:
        network: The ranked network.
        alone: Accuracy on left-out target rows by the target's own labels; None where these are too few.
        num_rows: Target rows that were left out; 0 where labels are too few.
        cells: One for each source.
    """

    network: str
    alone: float | None
    num_rows: int
    cells: tuple[SourceCell, ...]


class SourceRanking(Record):
    """Sources, the ones in use first, then by their distance.

    Attributes:
        sources: The measures and the weight of each.
        choice: "none", "one" (at full weight), "mixture" (several, all at full weight), or "weights".
        used: Names of the sources in use.
        num_labeled: Labeled target rows that decided; 0 where there are none.
        sentence: The choice and its reason.
        notes: Sources that were left out when the data were read, and absent packages.
        matrix: What each source adds by each ranked network, on fewer rows; it is shown and decides nothing.
        pairs: The best pair of network and source, in a sentence.
    """

    sources: tuple[MeasuredSource, ...]
    choice: Choice
    used: tuple[str, ...]
    num_labeled: int
    sentence: str
    notes: tuple[str, ...] = ()
    matrix: tuple[NetworkSources, ...] = ()
    pairs: str = ""
